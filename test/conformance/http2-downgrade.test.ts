// C16 and C17: from HTTP/2 to HTTP/1.1 the origin sees one clean request that equals the client's, or none.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  http2Start,
  httpListener,
  ProxyProcess,
  parseRequests,
  RawHttp2,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'
import { GOAWAY, HEADERS, PROTOCOL_ERROR, RST_STREAM } from './http2-attacks/attack.ts'
import { MESSAGES, type Message } from './http2-attacks/messages.ts'

/** Well below `delayed_close_timeout`. */
const AT_ONCE_MS = 800
/** What the proxy adds by itself. */
const OWN = new Set(['x-forwarded-proto', 'x-request-id', 'x-envoy-expected-rq-timeout-ms', 'transfer-encoding'])

/** What the client is told first about its stream. */
async function outcome(port: number, { bytes, seen }: Message): Promise<string> {
  using client = await RawHttp2.connect(port)
  client.send(http2Start(), bytes)
  const told = ({ type }: { type: number }): boolean => type === HEADERS || type === RST_STREAM || type === GOAWAY
  await client.until(frames => frames.some(told), seen === undefined ? AT_ONCE_MS : undefined)
  const frame = client.frames.find(told)
  if (frame === undefined) return client.ended ? 'closed' : 'nothing'
  if (frame.type === HEADERS) return 'answered'
  if (frame.type === RST_STREAM) return `reset ${frame.payload.readUInt32BE(0)}`
  return (await client.untilEnd(AT_ONCE_MS)) ? `goaway ${frame.payload.readUInt32BE(4)}` : 'goaway, left open'
}

describe('what an HTTP/1.1 origin sees of HTTP/2 messages', () => {
  let proxy: ProxyProcess
  let origin: ScriptedOrigin
  let ports: readonly number[]
  const MODES = ['connection', 'stream'] as const

  before(async () => {
    origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
    ports = await freePorts(MODES.length)
    const listeners = MODES.map((mode, i) =>
      httpListener({
        port: ports[i]!,
        hcm: { http2_protocol_options: { override_stream_error_on_invalid_http_message: mode === 'stream' } },
      }),
    )
    proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port)]))
  })
  after(async () => {
    await proxy?.[Symbol.asyncDispose]()
    await origin?.close()
  })

  /** A request of our own goes first to the origin only when nothing of the message did. */
  async function checkUnseen(port: number): Promise<void> {
    using client = await RawHttp2.connect(port)
    client.send(http2Start(), MESSAGES.find(({ name }) => name === 'a plain request')!.bytes)
    await client.until(frames => frames.some(({ type }) => type === HEADERS))
    const heads = origin.received.match(/^\S* \S* HTTP\/1.1\r$/gm)
    assert.deepEqual(heads, ['GET / HTTP/1.1\r'], 'nothing of it reached the origin')
  }

  function checkSeen({ line, fields, body = '' }: NonNullable<Message['seen']>): void {
    const all = origin.connections.flatMap(({ received }) => parseRequests(received))
    assert.equal(all.length, 1)
    const [request] = all as [(typeof all)[0]]
    assert.equal(`${request.method} ${request.target}`, line)
    assert.equal(request.body, body)
    const host = fields.find(([name]) => name === 'host')?.[1] ?? 'a.test'
    const others = request.headers.filter(([name]) => !OWN.has(name))
    assert.deepEqual(others, [['host', host], ...fields.filter(([name]) => name !== 'host')])
  }

  for (const message of MESSAGES) {
    it(`${message.row}: ${message.name}`, async () => {
      for (const [i, mode] of MODES.entries()) {
        origin.reset()
        const told = await outcome(ports[i]!, message)
        if (message.seen !== undefined) {
          assert.equal(told, 'answered')
          checkSeen(message.seen)
          continue
        }
        const alone = mode === 'stream' || message.streamError === true
        assert.equal(told, `${alone ? 'reset' : 'goaway'} ${PROTOCOL_ERROR}`, `${mode} errors`)
        // A head that was fine went on before its body turned out not to be.
        if (message.streamError === true) assert.doesNotMatch(origin.received, /\r\n0\r\n\r\n|less.*more/s)
        else await checkUnseen(ports[i]!)
      }
    })
  }
})
