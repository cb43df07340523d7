import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  ScriptedOrigin,
  staticCluster,
} from '../../../../test/harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const decompressor = {
  name: 'd',
  typed_config: {
    '@type': `${TYPE}.filters.http.decompressor.v3.Decompressor`,
    decompressor_library: {
      name: 'gzip',
      typed_config: { '@type': `${TYPE}.compression.gzip.decompressor.v3.Gzip`, max_inflate_ratio: 50 },
    },
  },
}
const router = { name: 'r', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }

let origin: ScriptedOrigin
let proxy: ProxyProcess
let port: number
/** The body that the origin answers with. */
let answer = Buffer.alloc(0)

before(async () => {
  origin = await ScriptedOrigin.start(connection => {
    if (!connection.received.endsWith('\r\n\r\n')) return
    connection.socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${answer.length}\r\n\r\n`)
    connection.socket.write(answer)
    connection.received = ''
  })
  ;[port] = (await freePorts(1)) as [number]
  const listener = httpListener({ port, hcm: { http_filters: [decompressor, router] } })
  proxy = await ProxyProcess.start(bootstrap([listener], [staticCluster('origin', origin.port)]))
})

after(async () => {
  await proxy.stop()
  await origin.close()
})

const get = () => exchange(port, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
const post = (body: Buffer) =>
  exchange(
    port,
    `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n` +
      body.toString('latin1'),
  )

test('a large body passes whole', async () => {
  const plain = Buffer.from(Array.from({ length: 300_000 }, (_, i) => 32 + ((Math.imul(i, 0x9e3779b1) >>> 13) % 90)))
  answer = gzipSync(plain)
  const [response] = parseResponses(await get())
  assert.equal(response?.status, 200)
  assert.ok(response?.body === plain.toString('latin1'))
})

test('a body that is no gzip fails before anything of it goes out', async () => {
  answer = Buffer.from('this is no gzip')
  const [response] = parseResponses(await get())
  assert.deepEqual([response?.status, response?.body], [502, 'decompression failed'])
  const [refused] = parseResponses(await post(Buffer.from('neither is this')))
  assert.deepEqual([refused?.status, refused?.body], [400, 'decompression failed'])
})

test('a bomb is cut off, small or large', async () => {
  answer = gzipSync(Buffer.alloc(1 << 20))
  assert.equal(parseResponses(await get())[0]?.status, 502)
  const [refused] = parseResponses(await post(gzipSync(Buffer.alloc(1 << 20))))
  assert.equal(refused?.status, 400)
  answer = gzipSync(Buffer.alloc(100 << 20))
  const received = await get()
  assert.ok(received.length < 20 << 20)
  assert.ok(!received.endsWith('\r\n0\r\n\r\n'))
})
