// What bin/outrider runs in a clone: dist/ while it is newer than every source, else dist/ built again, else the sources.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { bootstrap, httpListener, staticCluster } from '../harness/index.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const LIMIT_KB = 110 * 1024

const clone = mkdtempSync(join(tmpdir(), 'clone-'))
after(() => rmSync(clone, { recursive: true }))
for (const name of ['bin', 'src', 'scripts', 'package.json']) {
  cpSync(join(ROOT, name), join(clone, name), { recursive: true })
}
for (const name of ['gen', 'node_modules']) symlinkSync(join(ROOT, name), join(clone, name))
const environment = { ...process.env, NODE_COMPILE_CACHE: join(clone, 'cache') }
const command = (...args: readonly string[]): string => {
  const { stdout, stderr } = spawnSync(join(clone, 'bin', 'outrider'), args, { encoding: 'utf8', env: environment })
  return stdout + stderr
}
const built = join(clone, 'dist', 'main.js')
const serve = join(clone, 'src', 'cli', 'serve.ts')
const change = (word: string) =>
  writeFileSync(serve, readFileSync(serve, 'utf8').replace(/`\w+ \$\{packageVersion/, `\`${word} \${packageVersion`))

test('a clone builds at its first start, and again when a source has changed', () => {
  assert.match(command('--version'), /^outrider \d/)
  assert.ok(existsSync(built))
  change('changed')
  assert.match(command('--version'), /^changed \d/)
})

test('sources that cannot be built run as they are', () => {
  rmSync(join(clone, 'scripts', 'build.mjs'))
  change('again')
  assert.match(command('--version'), /^again \d/)
  cpSync(join(ROOT, 'scripts', 'build.mjs'), join(clone, 'scripts', 'build.mjs'))
})

test('a small file needs less than 110 MiB once it serves', { skip: process.platform !== 'linux' }, async () => {
  const config = bootstrap([httpListener({ port: 0 })], [staticCluster('origin', 1)])
  const flags = ['--config-yaml', JSON.stringify(config), '--concurrency', '1']
  // As installing does: the first run leaves compiled code behind.
  command(...flags, '--mode', 'init_only')
  const proxy = spawn(join(clone, 'bin', 'outrider'), flags, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  proxy.stderr.setEncoding('utf8').on('data', piece => (log += piece))
  while (!log.includes('all listeners are up') && proxy.exitCode === null) await once(proxy.stderr, 'data')
  const [, kb] = /^Rss:\s+(\d+)/m.exec(readFileSync(`/proc/${proxy.pid}/smaps_rollup`, 'utf8')) ?? []
  proxy.kill('SIGKILL')
  await once(proxy, 'exit')
  assert.ok(Number(kb) < LIMIT_KB, `${kb} kB\n${log}`)
})
