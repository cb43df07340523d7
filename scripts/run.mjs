// Runs a TypeScript script of this repository under the pinned runtime, whatever Node started npm.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pinned = join(root, 'node_modules', 'node', 'bin', 'node')
const runtime = Number(process.versions.node.split('.')[0]) >= 24 || !existsSync(pinned) ? process.execPath : pinned
const { status, signal } = spawnSync(runtime, process.argv.slice(2), { stdio: 'inherit' })
process.exitCode = signal === null ? (status ?? 1) : 1
