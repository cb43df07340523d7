// npm's `prepare`: makes gen/ (types and the schema table of Envoy's v3 API) when its inputs changed, and dist/.
// Plain JavaScript that any Node >= 20 runs: it starts before the pinned runtime is known to exist.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { warmUp } from './warm-up.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, 'gen', '.stamp')

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** Installed packages count by version, our own files by content: hashing 600 protos on every `npm ci` would be waste. */
function inputsHash() {
  const hash = createHash('sha256')
  for (const name of ['@grpc/grpc-js-xds', '@bufbuild/buf', '@bufbuild/protoc-gen-es', '@bufbuild/protobuf']) {
    hash.update(
      `${name}@${JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version}\n`,
    )
  }
  const generators = readdirSync(join(root, 'scripts')).filter(name => name.startsWith('generate-api'))
  const own = [...generators.map(name => join(root, 'scripts', name)), ...filesUnder(join(root, 'proto-overlay'))]
  for (const file of own.sort()) hash.update(relative(root, file)).update(readFileSync(file))
  return hash.digest('hex')
}

function generate() {
  const sources = join(root, 'node_modules', '@grpc', 'grpc-js-xds', 'deps')
  const tools = join(root, 'node_modules', '@bufbuild', 'protoc-gen-es')
  // An installed tarball carries gen/schema.json and has neither protos nor generator.
  if (!existsSync(sources) || !existsSync(tools)) return 0
  const hash = inputsHash()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hash) return 0
  const pinned = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  const runtime = existsSync(pinned) ? pinned : process.execPath
  const run = spawnSync(runtime, [join(root, 'scripts', 'generate-api.ts')], { cwd: root, stdio: 'inherit' })
  if (run.status !== 0) {
    console.error(`prepare: generating gen/ with ${runtime} failed (${run.error?.message ?? `exit ${run.status}`})`)
    return 1
  }
  writeFileSync(stampFile, hash)
  return 0
}

/** Builds and runs once, so that compiled code is at hand and the first start is as fast as all others. */
async function buildAndWarmUp() {
  const isClone = existsSync(join(root, 'src'))
  // Without development packages the sources run as they are.
  if (!isClone || !existsSync(join(root, 'node_modules', 'esbuild'))) return
  await build()
  const problem = await warmUp(join(root, 'bin', 'outrider'))
  if (problem !== null) console.error(`prepare: no compiled code is kept: ${problem}`)
}

process.exitCode = generate()
// `npm run check` wants gen/ alone.
if (process.exitCode === 0 && !process.argv.includes('--api')) await buildAndWarmUp()
