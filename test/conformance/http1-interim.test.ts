// Expect: 100-continue and informational answers (E8): the proxy says 100 by itself, and there is one final answer.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  type OriginScript,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const HEAD = 'POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n'
const REFUSED = 'HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n'

let origin: ScriptedOrigin
let proxy: ProxyProcess
let [plain, proxied] = [0, 0]

before(async () => {
  origin = await ScriptedOrigin.start(answering(OK))
  ;[plain, proxied] = (await freePorts(2)) as [number, number]
  const listeners = [httpListener({ port: plain }), httpListener({ port: proxied, hcm: { proxy_100_continue: true } })]
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port)]))
})
after(() => proxy?.stop().finally(() => origin.close()))

/** Sends the head, then the body once 100 has come; the statuses that came. */
async function statuses(port: number, script: OriginScript): Promise<readonly number[]> {
  origin.reset(script)
  using client = await RawClient.connect(port)
  client.send(HEAD)
  await client.until(text => text.includes('\r\n\r\n'))
  if (client.received.startsWith('HTTP/1.1 100 ')) client.send('hello')
  const text = await client.untilEnd()
  return Array.from(text.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status))
}

/** Answers as soon as there is a head. */
const atOnce =
  (bytes: string): OriginScript =>
  (connection, piece) => {
    if (connection.received === piece && piece.includes('\r\n\r\n')) connection.socket.write(bytes)
  }

test('the proxy says 100 by itself, and the origin is not asked to', async () => {
  assert.deepEqual(await statuses(plain, answering(OK)), [100, 200])
  assert.doesNotMatch(origin.received, /^expect:/im)
  assert.equal(origin.requests[0]?.body, 'hello')
})

test('an origin that refuses: 417 is the final answer', async () => {
  assert.deepEqual(await statuses(plain, answering(REFUSED)), [100, 417])
  assert.deepEqual(await statuses(proxied, atOnce(REFUSED)), [417])
})

test('100 from the origin, and then an error, or an answer', async () => {
  const failing = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n'
  assert.deepEqual(await statuses(proxied, atOnce(failing)), [100, 500])
  assert.deepEqual(await statuses(plain, atOnce(failing)), [100, 500])
  const answered: OriginScript = (connection, piece) => {
    if (connection.received === piece) connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    if (connection.received.endsWith('hello')) connection.socket.write(OK)
  }
  assert.deepEqual(await statuses(proxied, answered), [100, 200])
})

test('103 passes where informational answers do, and never instead of the final one', async () => {
  const hints = `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}`
  const [first, ...rest] = await statuses(plain, atOnce(hints))
  assert.equal(first, 100)
  assert.equal(rest.at(-1), 200)
  assert.equal(rest.filter(status => status >= 200).length, 1)
})
