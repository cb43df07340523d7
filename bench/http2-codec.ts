// `node bench/http2-codec.ts`: nanoseconds per request that the HTTP/2 codec costs, without sockets and without a proxy.

import { MemoryConnection } from '../src/http/codec/testing/memory-connection.ts'
import {
  DEFAULT_HTTP2_OPTIONS,
  HeaderMap,
  HeaderName,
  HTTP2_STATS,
  Http2ClientCodec,
  Http2ServerCodec,
  type RequestDecoder,
  type RequestEncoder,
  type ResponseDecoder,
  type ResponseEncoder,
} from '../src/http/index.ts'
import { StatStore } from '../src/observability/index.ts'

const BATCH = 32
const WARM_UP = 20_000
const ROUNDS = Number(process.env['ROUNDS'] ?? 300_000)
const stats = new StatStore().block('http2.', HTTP2_STATS)
const BODY = Buffer.from('0123456789012345678901234567890123')
const REQUEST_ID = HeaderName.of('x-request-id')

const FEW: readonly (readonly [string, string])[] = [
  ['host', 'service.example'],
  ['user-agent', 'h2load nghttp2/1.52.0'],
  ['x-forwarded-proto', 'http'],
]
const MANY: readonly (readonly [string, string])[] = [
  ...FEW,
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['accept-language', 'en-GB,en;q=0.5'],
  ['cookie', 'session=0123456789abcdef0123456789abcdef; theme=dark'],
  ['referer', 'https://service.example/previous/page'],
  ['sec-fetch-dest', 'document'],
  ['sec-fetch-mode', 'navigate'],
  ['sec-fetch-site', 'same-origin'],
  ['cache-control', 'max-age=0'],
  ['authorization', 'Bearer 0123456789abcdef0123456789abcdef0123456789abcdef'],
]
const RESPONSE: readonly (readonly [string, string])[] = [
  ['content-type', 'text/plain'],
  ['server', 'outrider'],
  ['date', 'Tue, 01 Dec 2026 10:00:00 GMT'],
  ['x-envoy-upstream-service-time', '0'],
  ['content-length', String(BODY.length)],
]

function head(lines: readonly (readonly [string, string])[]): HeaderMap {
  const headers = HeaderMap.acquire()
  for (const [name, value] of lines) headers.append(HeaderName.of(name), value)
  return headers
}

const responseHead = head(RESPONSE)
responseHead.status = 200

/** Answers each request at once. */
class Answer implements RequestDecoder {
  encoder!: ResponseEncoder
  decodeHeaders(headers: HeaderMap): void {
    HeaderMap.release(headers)
    this.encoder.encodeHeaders(responseHead, false)
    this.encoder.encodeData(BODY, 0, BODY.length, true)
  }
  decodeData(): void {}
  decodeTrailers(): void {}
  onResetStream(): void {}
  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}
}

/** Hands a request on to the next hop and its response back: a proxy without anything else. */
class Hop implements RequestDecoder, ResponseDecoder {
  encoder!: ResponseEncoder
  private readonly upstream: RequestEncoder
  constructor(client: Http2ClientCodec) {
    this.upstream = client.newStream(this)
  }
  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (headers.status === 0) this.upstream.encodeHeaders(headers, endStream)
    else this.encoder.encodeHeaders(headers, endStream)
    HeaderMap.release(headers)
  }
  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.encoder.encodeData(data, start, end, endStream)
  }
  decode1xxHeaders(): void {}
  decodeTrailers(): void {}
  onResetStream(): void {}
  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}
}

class Count implements ResponseDecoder {
  done = 0
  decode1xxHeaders(): void {}
  decodeHeaders(headers: HeaderMap): void {
    HeaderMap.release(headers)
  }
  decodeData(_data: Buffer, _start: number, _end: number, endStream: boolean): void {
    if (endStream) this.done++
  }
  decodeTrailers(): void {}
  onResetStream(): void {}
  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}
}

const ignore = { onStreamClosed() {}, onMaxConcurrentStreams() {}, onGoAway() {}, onProtocolError: fail }
function fail(error: unknown): void {
  throw new Error(JSON.stringify(error))
}

class Client {
  readonly memory = new MemoryConnection()
  readonly codec = new Http2ClientCodec(this.memory.connection, ignore, DEFAULT_HTTP2_OPTIONS, stats)
  readonly count = new Count()
  private readonly lines: readonly (readonly [string, string])[]
  private serial = 0

  constructor(lines: readonly (readonly [string, string])[]) {
    this.lines = lines
  }

  /** A batch of requests as bytes; each has an id of its own, as after a proxy. */
  batch(): Buffer {
    for (let i = 0; i < BATCH; i++) {
      const headers = head(this.lines)
      headers.method = 'GET'
      headers.scheme = 'http'
      headers.path = '/some/path'
      headers.append(REQUEST_ID, `00000000-0000-4000-8000-${String(++this.serial).padStart(12, '0')}`)
      this.codec.newStream(this.count).encodeHeaders(headers, true)
      HeaderMap.release(headers)
    }
    return this.memory.take()
  }
}

function feed(codec: { dispatch(data: Buffer, start: number, end: number): void }, bytes: Buffer): void {
  codec.dispatch(bytes, 0, bytes.length)
}

/** Requests are answered by the server codec alone. */
function answering(lines: readonly (readonly [string, string])[]): number {
  const client = new Client(lines)
  const memory = new MemoryConnection()
  const answer = new Answer()
  const server = new Http2ServerCodec(
    memory.connection,
    {
      newStream: encoder => {
        answer.encoder = encoder
        return answer
      },
      onCodecError: fail,
    },
    DEFAULT_HTTP2_OPTIONS,
    stats,
  )
  return measure(client, bytes => {
    const started = performance.now()
    feed(server, bytes)
    const taken = performance.now() - started
    feed(client.codec, memory.take())
    return taken
  })
}

/** Requests go through a server codec and a client codec to another hop, and their responses back. */
function proxying(lines: readonly (readonly [string, string])[]): number {
  const client = new Client(lines)
  const [down, up, origin] = [new MemoryConnection(), new MemoryConnection(), new MemoryConnection()]
  const upstream = new Http2ClientCodec(up.connection, ignore, DEFAULT_HTTP2_OPTIONS, stats)
  const hop = new Http2ServerCodec(
    down.connection,
    {
      newStream: encoder => {
        const stream = new Hop(upstream)
        stream.encoder = encoder
        return stream
      },
      onCodecError: fail,
    },
    DEFAULT_HTTP2_OPTIONS,
    stats,
  )
  const answer = new Answer()
  const server = new Http2ServerCodec(
    origin.connection,
    {
      newStream: encoder => {
        answer.encoder = encoder
        return answer
      },
      onCodecError: fail,
    },
    DEFAULT_HTTP2_OPTIONS,
    stats,
  )
  return measure(client, bytes => {
    let started = performance.now()
    feed(hop, bytes)
    let taken = performance.now() - started
    feed(server, up.take())
    const back = origin.take()
    started = performance.now()
    feed(upstream, back)
    taken += performance.now() - started
    feed(client.codec, down.take())
    return taken
  })
}

/** Tenth percentile over batches of what `round` says it took, in ns per request: others use this machine too. */
function measure(client: Client, round: (bytes: Buffer) => number): number {
  const taken: number[] = []
  for (let done = 0; done < WARM_UP + ROUNDS; done += BATCH) {
    const tookMs = round(client.batch())
    if (done >= WARM_UP) taken.push(tookMs)
  }
  if (client.count.done < ROUNDS) throw new Error(`only ${client.count.done} answers`)
  taken.sort((a, b) => a - b)
  return ((taken[(taken.length / 10) | 0] as number) * 1e6) / BATCH
}

for (const [name, lines] of [
  ['4 request fields', FEW],
  ['14 request fields', MANY],
] as const) {
  console.log(`${name}: answered ${answering(lines).toFixed(0)} ns, handed on ${proxying(lines).toFixed(0)} ns`)
}
