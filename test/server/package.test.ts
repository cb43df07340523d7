// What `npm pack` makes is what users get: it installs into an empty folder, tells its version, validates, serves.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { answering, exchange, freePorts, ScriptedOrigin } from '../harness/index.ts'

const ROOT = join(import.meta.dirname, '..', '..')

function run(command: string, args: readonly string[], cwd: string) {
  return spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 180_000 })
}

/** Installs the packed package into an empty folder; null when the registry cannot be reached. */
function install(context: TestContext, folder: string): string | null {
  const packed = run('npm', ['pack', '--silent', '--pack-destination', folder], ROOT)
  assert.equal(packed.status, 0, packed.stderr)
  const tarball = join(folder, packed.stdout.trim().split('\n').at(-1)!)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "allowScripts": { "node": true } }')
  const installed = run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], folder)
  if (installed.status === 0) return join(folder, 'node_modules', '.bin', 'outrider')
  if (!/EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|network|E40[134]/i.test(installed.stderr))
    assert.fail(installed.stderr)
  context.skip('the package registry cannot be reached')
  return null
}

test('the package, installed into an empty folder', { timeout: 300_000 }, async context => {
  const folder = mkdtempSync(join(tmpdir(), 'package-'))
  try {
    const program = install(context, folder)
    if (program === null) return
    assert.equal(existsSync(join(folder, 'node_modules', 'outrider', 'src')), false)
    const version = run('npx', ['outrider', '--version'], folder)
    assert.match(version.stdout, /^outrider \d+\.\d+\.\d+\n$/, version.stderr)
    const example = join(folder, 'node_modules', 'outrider', 'examples', 'front-proxy.yaml')
    assert.equal(run('npx', ['outrider', 'validate', example], folder).status, 0)
    await serves(program)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

async function serves(program: string): Promise<void> {
  const origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  const [port] = await freePorts(1)
  const flags = ['--from', `127.0.0.1:${port}`, '--to', `127.0.0.1:${origin.port}`, '--drain-time-s', '0']
  const proxy = spawn(program, ['reverse-proxy', ...flags])
  let log = ''
  await new Promise<void>((resolve, reject) => {
    proxy.stderr.setEncoding('utf8').on('data', piece => {
      log += piece
      if (log.includes('all listeners are up')) resolve()
    })
    proxy.once('exit', code => reject(new Error(`exit ${code}: ${log}`)))
  })
  assert.match(await exchange(port!, 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'), /200 OK.*ok$/s)
  proxy.kill('SIGTERM')
  assert.deepEqual(await once(proxy, 'exit'), [0, null])
  await origin.close()
}
