// What bin/outrider runs in a clone: dist/ while it is newer than every source, else dist/ built again, else the sources.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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

test('compiled code is kept by a run that served, used by the next, and made anew where it is of no use', () => {
  const kept = (role: string): string => {
    const names = readdirSync(environment.NODE_COMPILE_CACHE).filter(name => name.startsWith(`${role}-program-`))
    assert.equal(names.length, 1, names.join())
    return join(environment.NODE_COMPILE_CACHE, names[0]!)
  }
  const start = (): string => command('--config-yaml', '{}', '--concurrency', '1', '--mode', 'init_only')
  assert.match(start(), /all listeners are up/)
  const code = { main: readFileSync(kept('main')), worker: readFileSync(kept('worker')) }
  assert.ok(code.main.length > 500_000 && code.worker.length > 500_000)
  start()
  assert.deepEqual(readFileSync(kept('main')), code.main, 'it is written once')
  writeFileSync(kept('main'), code.main.subarray(0, 100_000))
  writeFileSync(kept('worker'), '')
  assert.match(start(), /all listeners are up/)
  assert.ok(readFileSync(kept('main')).length > 500_000)
  assert.ok(readFileSync(kept('worker')).length > 500_000)
  const before = kept('main')
  change('newer')
  start()
  assert.notEqual(kept('main'), before)
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
