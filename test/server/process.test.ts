// The proxy as a process: signals, exit codes, inherited sockets, logs, the launcher.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  LAUNCHER,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const GET_CLOSE = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const folder = mkdtempSync(join(tmpdir(), 'process-'))
after(() => rmSync(folder, { recursive: true }))

async function setUp(args: readonly string[]) {
  const origin = await ScriptedOrigin.start(answering(OK))
  const [port] = await freePorts(1)
  const config = bootstrap([httpListener({ port: port! })], [staticCluster('origin', origin.port)])
  const proxy = await ProxyProcess.start(config, { args })
  return { origin, proxy, port: port!, config }
}

test('SIGTERM: readiness fails, answers say close, what is under way ends, exit 0', async () => {
  const { origin, proxy, port } = await setUp([
    '--drain-time-s',
    '4',
    '--drain-delay',
    '0.5s',
    '--drain-strategy',
    'immediate',
  ])
  const kept = await RawClient.connect(port)
  kept.send(GET)
  await kept.until(text => text.includes('ok'))
  assert.doesNotMatch(kept.received, /connection: close/i)
  // Accepted before the end, silent until after it: its request may be on the way, so it is waited for.
  const silent = await RawClient.connect(port)
  const ended = proxy.stop('SIGTERM')
  for (let state = ''; !state.startsWith('DRAINING'); ) state = await (await proxy.admin('/ready')).text()
  assert.equal((await proxy.admin('/ready')).status, 503)
  assert.match(await exchange(port, GET), /connection: close/i)
  silent.send(GET)
  assert.match(await silent.untilEnd(), /200 OK.*connection: close.*ok/is)
  assert.equal(await kept.untilEnd(), kept.received)
  assert.deepEqual(await ended, { code: 0, signal: null })
  await origin.close()
})

test('a second signal does not wait', async () => {
  const { origin, proxy, port } = await setUp(['--drain-time-s', '60', '--drain-delay', '30s'])
  const client = await RawClient.connect(port)
  proxy.process.kill('SIGTERM')
  for (let state = ''; !state.startsWith('DRAINING'); ) state = await (await proxy.admin('/ready')).text()
  const { code } = await proxy.stop('SIGINT')
  assert.equal(code, 130)
  client.close()
  await origin.close()
})

test('SIGHUP changes nothing, SIGUSR1 opens logs anew', async () => {
  const log = join(folder, 'proxy.log')
  const { origin, proxy, port } = await setUp(['--log-path', log, '--log-format', 'json'])
  proxy.process.kill('SIGHUP')
  renameSync(log, `${log}.1`)
  proxy.process.kill('SIGUSR1')
  assert.match(await exchange(port, GET_CLOSE), /200 OK/)
  await proxy.stop()
  const [old, fresh] = [readFileSync(`${log}.1`, 'utf8'), readFileSync(log, 'utf8')]
  assert.match(old, /all listeners are up/)
  assert.match(fresh, /exiting/)
  for (const line of `${old}${fresh}`.trim().split('\n')) assert.equal(typeof JSON.parse(line).message, 'string')
  await origin.close()
})

function runMain(args: readonly string[]) {
  return spawnSync(LAUNCHER, args, { encoding: 'utf8', timeout: 20_000 })
}

test('a port in use ends the start with 1 and the port', async () => {
  const holder = net.createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as net.AddressInfo
  const file = join(folder, 'taken.json')
  writeFileSync(file, JSON.stringify(bootstrap([httpListener({ port })], [staticCluster('origin', 1)])))
  const { status, stderr } = runMain(['-c', file, '--concurrency', '1'])
  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${port}`))
  holder.close()
})

test('a mistake in the configuration ends the start with 1; init_only ends it with 0', () => {
  const file = join(folder, 'bad.yaml')
  writeFileSync(file, 'static_resources:\n  clustrs: []\n')
  const { status, stderr } = runMain(['-c', file])
  assert.equal(status, 1)
  assert.match(stderr, /bad\.yaml:2:3: error: static_resources\.clustrs/)
  assert.equal(runMain(['--config-yaml', '{}', '--mode', 'init_only', '--concurrency', '1']).status, 0)
})

test('flags without effect are said once', () => {
  const { stderr } = runMain(['--config-yaml', '{}', '--mode', 'init_only', '--base-id', '3', '--disable-hot-restart'])
  assert.equal(stderr.match(/--base-id/g)?.length, 1)
  assert.equal(stderr.match(/--disable-hot-restart/g)?.length, 1)
})

test('listens on an inherited descriptor, one worker of two', { skip: process.platform !== 'linux' }, async () => {
  const origin = await ScriptedOrigin.start(answering(OK))
  const listening = net.createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as net.AddressInfo
  const { fd } = (listening as unknown as { _handle: { fd: number } })._handle
  const file = join(folder, 'inherited.json')
  writeFileSync(file, JSON.stringify(bootstrap([httpListener({ port })], [staticCluster('origin', origin.port)])))
  const proxy = spawn(LAUNCHER, ['-c', file, '--concurrency', '2', '--drain-time-s', '0'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    env: { ...process.env, LISTEN_FDS: '1' },
  })
  await untilLogged(proxy, 'all listeners are up')
  // The only one left to accept is the proxy.
  listening.close()
  for (let i = 0; i < 5; i++) assert.match(await exchange(port, GET_CLOSE), /200 OK/)
  proxy.kill('SIGTERM')
  assert.deepEqual(await once(proxy, 'exit'), [0, null])
  await origin.close()
})

function untilLogged(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    child.stderr!.setEncoding('utf8').on('data', piece => {
      log += piece
      if (log.includes(text)) resolve()
    })
    child.once('exit', code => reject(new Error(`exit ${code}: ${log}`)))
  })
}

/** A Node too old to run the sources, if this machine has one. */
const oldNode = spawnSync('node', ['-p', 'process.versions.node'], { encoding: 'utf8' })
const oldEnough = oldNode.status === 0 && Number(oldNode.stdout.split('.')[0]) < 24

for (const [name, command, skip] of [
  ['as a program', [LAUNCHER], false],
  ['by an old Node', ['node', LAUNCHER], !oldEnough],
  ['by the runtime itself', [process.execPath, LAUNCHER], false],
] as const) {
  test(`the launcher, started ${name}, passes words, exit codes and signals on`, { skip }, async () => {
    const [program, ...before] = command
    const launch = (...args: readonly string[]) =>
      spawn(program!, [...before, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const usage = launch('--no such flag')
    assert.deepEqual(await once(usage, 'exit'), [2, null])
    const proxy = launch('--config-yaml', '{}', '--concurrency', '1', '--drain-time-s', '0')
    await untilLogged(proxy, 'all listeners are up')
    proxy.kill('SIGTERM')
    assert.deepEqual(await once(proxy, 'exit'), [0, null])
  })
}
