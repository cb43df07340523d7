// Clients that close their half behind the request (D9), and clients that go while something is under way (D10).
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  type OriginConnection,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const FILE_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'
const FORMAT = '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const MIB = 1 << 20

const folder = mkdtempSync(join(tmpdir(), 'clients-gone-'))
const log = join(folder, 'access.log')
let origin: ScriptedOrigin
let proxy: ProxyProcess
let port = 0

before(async () => {
  origin = await ScriptedOrigin.start(answering(OK))
  ;[port] = (await freePorts(1)) as [number]
  const file = { '@type': FILE_LOG, path: log, log_format: { text_format_source: { inline_string: FORMAT } } }
  const hcm = { access_log: [{ name: 'file', typed_config: file }] }
  proxy = await ProxyProcess.start(bootstrap([httpListener({ port, hcm })], [staticCluster('origin', origin.port)]), {
    args: ['--file-flush-interval-msec', '10'],
  })
})
after(async () => {
  await proxy?.stop().finally(() => origin.close())
  rmSync(folder, { recursive: true })
})

/** The log line of a path, once it is there. */
async function logged(path: string): Promise<string> {
  const deadline = Date.now() + 5000
  for (;;) {
    const line = readFileSync(log, 'latin1')
      .split('\n')
      .find(text => text.startsWith(`${path} `))
    if (line !== undefined) return line
    assert.ok(Date.now() < deadline, `no line of ${path}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

const nothingLeft = async (): Promise<void> => {
  await proxy.untilStat('cluster.origin.upstream_rq_active', 0)
  assert.deepEqual(await proxy.gaugesLeft(), [])
}

/** What the origin is asked next, in full. */
function asked(): Promise<OriginConnection> {
  return new Promise(resolve => {
    origin.reset(connection => {
      if (connection.received.includes('\r\n\r\n')) resolve(connection)
    })
  })
}

// As with Envoy: over HTTP a closed half is a client that has gone. TCP proxying keeps the other half open.
test('a client that closes its half behind its request has given it up: the origin is told, nothing is answered', async () => {
  const request = asked()
  using client = await RawClient.connect(port)
  client.send('GET /half HTTP/1.1\r\nhost: a\r\n\r\n')
  const { socket } = await request
  const told = new Promise(resolve => socket.once('close', resolve))
  client.end()
  await told
  assert.equal(await client.untilEnd(), '')
  assert.equal(await logged('/half'), '/half 0 DC downstream_remote_disconnect')
  await nothingLeft()
})

test('a client that leaves while the origin thinks: the origin is told', async () => {
  const request = asked()
  const client = await RawClient.connect(port)
  client.send('GET /thinking HTTP/1.1\r\nhost: a\r\n\r\n')
  const { socket } = await request
  const told = new Promise(resolve => socket.once('close', resolve))
  client.socket.resetAndDestroy()
  await told
  assert.equal(await logged('/thinking'), '/thinking 0 DC downstream_remote_disconnect')
  await nothingLeft()
})

test('a large request whose client leaves while the origin still reads it', async () => {
  const request = asked()
  const client = await RawClient.connect(port)
  client.send(`POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: ${64 * MIB}\r\n\r\n`)
  for (let i = 0; i < 8; i++) client.send(Buffer.alloc(MIB, 'u'))
  const { socket } = await request
  const told = new Promise(resolve => socket.once('close', resolve))
  client.socket.resetAndDestroy()
  await told
  assert.equal(await logged('/upload'), '/upload 0 DC downstream_remote_disconnect')
  await nothingLeft()
})

test('a large request whose client leaves while the origin still sends its answer', async () => {
  const piece = Buffer.alloc(64 * 1024, 'r')
  for (const [path, leave] of [
    ['/gone', 'destroy'],
    ['/reset', 'resetAndDestroy'],
  ] as const) {
    const request = asked()
    const client = await RawClient.connect(port)
    client.send(`POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${8 * MIB}\r\n\r\n`)
    const { socket } = await request
    // It answers before the end of the request, and neither side has finished when the client goes.
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${256 * MIB}\r\n\r\n`)
    const told = new Promise(resolve => socket.once('close', resolve))
    const more = (): void => {
      while (socket.writable && socket.write(piece));
    }
    socket.on('drain', more)
    more()
    client.send(Buffer.alloc(MIB, 'u'))
    await client.until(text => text.length > MIB)
    client.socket[leave]()
    await told
    assert.match(await logged(path), /^\S+ 200 DC downstream_remote_disconnect$/)
  }
  await nothingLeft()
  using other = await RawClient.connect(port)
  origin.script = answering(OK)
  other.send('GET /after HTTP/1.1\r\nhost: a\r\n\r\n')
  assert.match(await other.until(text => text.endsWith('ok')), /^HTTP\/1\.1 200 /)
})
