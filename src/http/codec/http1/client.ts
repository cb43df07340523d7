// HOT FILE (docs/hot-path.md): the client half of HTTP/1.1 (RFC 9112): one request at a time, its response back.
import type { Connection } from '../../../net/index.ts'
import { BytesMeter } from '../../../observability/index.ts'
import { HeaderMap } from '../../headers.ts'
import {
  CONNECTION,
  CONTENT_LENGTH,
  HOST,
  KEEP_ALIVE,
  PROXY_CONNECTION,
  TRAILER,
  TRANSFER_ENCODING,
} from '../../known-headers.ts'
import type { ClientCodecCallbacks, RequestEncoder, ResetReason, ResponseDecoder } from '../codec.ts'
import { ChunkParser, type ChunkSink } from './chunk-parser.ts'
import {
  CHUNKED_LINE,
  CONTENT_LENGTH_0,
  CRLF,
  HTTP_1_1,
  methodPrefix,
  put,
  putPath,
  writeChunk,
  writeTrailers,
} from './encode.ts'
import { contentLengthOf, hasToken, isExactlyChunked, lineBytes } from './framing.ts'
import { FieldScanner, ScanDone, ScanFailed } from './head-scanner.ts'
import { keepNames, LOWER_CASE, preservedCase, writeCasedHead } from './header-case.ts'
import type { Http1Options } from './options.ts'
import { PartialInput } from './partial-input.ts'
import { StatusLine } from './status-line.ts'

// Parsers hold no state between two calls on different connections: one set per thread serves all.
const statusLine = new StatusLine()
const fields = new FieldScanner()

/** No response is expected. */
const Idle = 0
const StartLine = 1
const Fields = 2
const LengthBody = 3
const ChunkedBody = 4
const UntilClose = 5
const Tunnel = 6
const Dead = 7

/** Informational responses in front of one final response; more are a flood. */
const MAX_INFORMATIONAL = 32

export class Http1ClientCodec implements RequestEncoder, ChunkSink {
  /** `timeout` of the last response's Keep-Alive field in ms; 0: none was given. */
  keepAliveTimeoutMs = 0
  /** The origin said that this is the connection's last response. */
  closeAnnounced = false
  /** Bytes came behind the response. */
  overran = false
  meter = new BytesMeter()
  private readonly connection: Connection
  private readonly callbacks: ClientCodecCallbacks
  private readonly options: Http1Options
  private state = Idle
  private decoder: ResponseDecoder | null = null
  private headers: HeaderMap | null = null
  private partial: PartialInput | null = null
  private remaining = 0
  private chunks: ChunkParser | null = null
  private headRequest = false
  private connectRequest = false
  private upgradeRequested = false
  private requestChunked = false
  private requestComplete = false
  private responseComplete = false
  private closeAfterResponse = false
  private informational = 0
  private startLineBytes = 0

  constructor(connection: Connection, callbacks: ClientCodecCallbacks, options: Http1Options) {
    this.connection = connection
    this.callbacks = callbacks
    this.options = options
  }

  /** Begins a request; the response goes to `decoder`. Only one at a time. */
  newStream(decoder: ResponseDecoder): RequestEncoder {
    this.decoder = decoder
    this.meter = new BytesMeter()
    this.state = StartLine
    this.requestComplete = false
    this.responseComplete = false
    this.closeAfterResponse = this.closeAnnounced = this.overran = false
    this.requestChunked = false
    this.informational = 0
    return this
  }

  get streamActive(): boolean {
    return this.decoder !== null
  }

  /** Bytes of the current response have arrived. */
  get responseStarted(): boolean {
    return this.state > StartLine || this.headers !== null
  }

  // ---- encoding

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { connection } = this
    const { method } = headers
    this.headRequest = method === 'HEAD'
    this.connectRequest = method === 'CONNECT'
    this.upgradeRequested = headers.known0 !== 0 && this.connectRequest === false && headers.has(CONNECTION)
    const hasLength = headers.has(CONTENT_LENGTH)
    let line: Uint8Array | null = null
    if (endStream) {
      if (!hasLength && expectsBody(method)) line = CONTENT_LENGTH_0
    } else if (!hasLength && !this.connectRequest && !this.upgradeRequested) {
      line = CHUNKED_LINE
      this.requestChunked = true
    }
    const { fullyQualifiedUrl } = this.options
    const headerCase = headers.originalNames === null ? this.options.headerCase : preservedCase(headers)
    if (headerCase !== null || fullyQualifiedUrl) {
      const start = `${method} ${targetOf(headers, fullyQualifiedUrl)} HTTP/1.1\r\n`
      writeCasedHead(connection, Buffer.from(start, 'latin1'), headers, line, headerCase ?? LOWER_CASE, this.meter)
    } else {
      const pathBytes = headers.pathIsBytes ? 0 : headers.path.length
      const at = connection.reserve(headers.encodedSize + pathBytes + 192)
      const { output } = connection.thread.buffers
      let p = put(methodPrefix(method), output, at)
      p = this.connectRequest ? p + output.latin1Write(headers.authority, p) : putPath(headers, output, p)
      const lines = put(HTTP_1_1, output, p)
      p = headers.encodeLines(output, lines)
      if (line !== null) p = put(line, output, p)
      this.meter.headerSent += p - lines
      p = put(CRLF, output, p)
      this.meter.wireSent += p - at
      connection.commit(p)
    }
    if (endStream) this.onRequestComplete()
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.requestChunked) {
      if (end > start || endStream) this.meter.wireSent += writeChunk(this.connection, data, start, end, endStream)
    } else if (end > start) {
      this.meter.wireSent += end - start
      this.connection.write(data, start, end)
    }
    // The end of a tunnel's bytes is told as TCP tells it.
    if (endStream && this.state === Tunnel) this.connection.endWrite()
    if (endStream) this.onRequestComplete()
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.requestChunked) writeTrailers(this.connection, this.options.enableTrailers ? trailers : null, this.meter)
    this.onRequestComplete()
  }

  private onRequestComplete(): void {
    this.requestComplete = true
    if (this.responseComplete) this.finish()
  }

  /** Gives up the stream: the connection cannot be used again. */
  resetStream(_reason: ResetReason): void {
    this.decoder = null
    this.state = Dead
  }

  readDisable(disable: boolean): void {
    this.connection.readDisable(disable)
  }

  get bytesBuffered(): number {
    return this.connection.bytesBuffered
  }

  // ---- decoding

  dispatch(data: Buffer, start: number, end: number): void {
    if (this.state === Idle) {
      // Nobody asked: bytes on an idle connection must never become the next request's answer.
      this.fail('unsolicited_response')
      return
    }
    this.meter.wireReceived += end - start
    const { partial } = this
    if (partial === null || partial.empty) {
      const position = this.run(data, start, end)
      if (position < end && this.state !== Dead) {
        this.partial ??= new PartialInput()
        this.partial.append(data, position, end)
        this.partial.consume(0)
      }
      return
    }
    partial.append(data, start, end)
    if (!partial.worthScanning && partial.length < this.options.limits.maxBytes) return
    const all = partial.drain()
    const position = this.run(all, 0, all.length)
    if (position < all.length && (this.state as number) !== Dead) {
      partial.append(all, position, all.length)
      partial.consume(0)
    }
  }

  private run(data: Buffer, position: number, end: number): number {
    while (position < end) {
      switch (this.state) {
        case StartLine:
        case Fields: {
          const next = this.parseHead(data, position, end)
          if (next < 0) return end
          if (this.state === StartLine || this.state === Fields) {
            if (this.headers !== null) return next
          }
          position = next
          break
        }
        case LengthBody: {
          const size = Math.min(this.remaining, end - position)
          this.remaining -= size
          const last = this.remaining === 0
          this.connection.expectBulk = this.remaining > 32768
          const at = position
          position += size
          if (last && position < end) this.overrun()
          this.decode(data, at, position, last)
          break
        }
        case ChunkedBody:
          position = this.parseChunked(data, position, end)
          break
        case UntilClose:
        case Tunnel:
          this.decode(data, position, end, false)
          return end
        case Idle:
          // Bytes behind the response: the connection is not used again.
          this.fail('unsolicited_response')
          return end
        default:
          return end
      }
    }
    return position
  }

  private decode(data: Buffer, start: number, end: number, last: boolean): void {
    const decoder = this.decoder as ResponseDecoder
    // The connection goes back to its pool first: what the end of this response sets off may need it.
    if (last) this.onResponseEnd()
    decoder.decodeData(data, start, end, last)
  }

  private parseHead(data: Buffer, position: number, end: number): number {
    const headers = (this.headers ??= HeaderMap.acquire())
    if (this.state === StartLine) {
      statusLine.keepReason = this.options.preserveCase?.reasonPhrase === true
      const status = statusLine.scan(headers, data, position, end)
      if (status === ScanFailed) return this.fail('http1.codec_error')
      if (status !== ScanDone) return statusLine.position
      if (statusLine.minor === 0) this.closeAfterResponse = true
      this.state = Fields
      this.startLineBytes = statusLine.length + 2
      position = statusLine.position
    }
    const { preserveCase } = this.options
    if (preserveCase !== null) fields.originalNames = keepNames(headers, preserveCase)
    fields.otherBytes = this.startLineBytes
    const status = fields.scan(headers, data, position, end, this.options.limits)
    fields.originalNames = null
    if (status === ScanFailed) return this.fail(`http1.${fields.failure}`)
    if (status !== ScanDone) return fields.position
    const next = fields.position
    this.meter.headerReceived += lineBytes(headers.size, headers)
    this.headers = null
    return this.onHeadComplete(headers, next < end) ? next : -1
  }

  /** `more`: bytes follow in the same read. False after a failure. */
  private onHeadComplete(headers: HeaderMap, more: boolean): boolean {
    const { status } = headers
    const length = contentLengthOf(headers)
    // RFC 9110, 8.6: these have no body, so whoever says a length means something else by it.
    if (length > 0 && (status < 200 || status === 204)) {
      HeaderMap.release(headers)
      this.fail('http1.codec_error')
      return false
    }
    if (status < 200 && status !== 101) return this.onInformational(headers)
    const transferEncoding = headers.has(TRANSFER_ENCODING)
    if (
      length === -2 ||
      (transferEncoding && status === 204) ||
      (transferEncoding && (length >= 0 || !isExactlyChunked(headers)))
    ) {
      if (!(transferEncoding && length >= 0 && this.options.allowChunkedLength && isExactlyChunked(headers))) {
        HeaderMap.release(headers)
        this.fail('http1.codec_error')
        return false
      }
      headers.remove(CONTENT_LENGTH)
    }
    this.readConnectionFields(headers)
    if (headers.repeated) headers.joinRepeated()
    const decoder = this.decoder as ResponseDecoder
    if (status === 101 || (this.connectRequest && status < 300)) {
      if (status === 101 && !this.upgradeRequested) {
        HeaderMap.release(headers)
        this.fail('http1.unexpected_upgrade')
        return false
      }
      this.state = Tunnel
      this.connection.expectBulk = true
      this.closeAfterResponse = true
      decoder.decodeHeaders(headers, false)
      return this.alive
    }
    if (this.headRequest || status === 204 || status === 304 || length === 0) {
      if (more) this.overrun()
      this.onResponseEnd()
      decoder.decodeHeaders(headers, true)
      return this.alive
    }
    if (transferEncoding) {
      this.state = ChunkedBody
      this.chunks = new ChunkParser(this.options.limits)
      this.connection.expectBulk = true
    } else if (length > 0) {
      this.state = LengthBody
      this.remaining = length
      this.connection.expectBulk = length > 65536
    } else {
      this.state = UntilClose
      this.closeAfterResponse = true
      this.connection.expectBulk = true
    }
    decoder.decodeHeaders(headers, false)
    return this.alive
  }

  private get alive(): boolean {
    return this.state !== Dead
  }

  private onInformational(headers: HeaderMap): boolean {
    if (++this.informational > MAX_INFORMATIONAL) {
      HeaderMap.release(headers)
      this.fail('http1.codec_error')
      return false
    }
    this.state = StartLine
    this.decoder?.decode1xxHeaders(headers)
    return this.alive
  }

  /** Learns whether and for how long the origin keeps the connection (RFC 9112, 9.3 and the Keep-Alive field). */
  private readConnectionFields(headers: HeaderMap): void {
    const proxyConnection = headers.get(PROXY_CONNECTION)
    if (proxyConnection !== undefined && hasToken(proxyConnection, 'close')) this.closeAfterResponse = true
    const value = headers.get(CONNECTION)
    if (value !== undefined) {
      if (hasToken(value, 'close')) this.closeAfterResponse = true
      else if (statusLine.minor === 0 && hasToken(value, 'keep-alive')) this.closeAfterResponse = false
    }
    this.closeAnnounced = this.closeAfterResponse
    const keepAlive = headers.get(KEEP_ALIVE)
    if (keepAlive === undefined) return
    const timeout = /(?:^|[\s,;])timeout\s*=\s*(\d{1,6})/i.exec(keepAlive)
    if (timeout !== null) this.keepAliveTimeoutMs = Number(timeout[1]) * 1000
  }

  private parseChunked(data: Buffer, position: number, end: number): number {
    const chunks = this.chunks as ChunkParser
    const next = chunks.parse(data, position, end, this)
    if (!this.alive) return end
    if (chunks.failed) {
      this.fail('http1.codec_error')
      return end
    }
    if (!chunks.done) return next
    const { trailers } = chunks
    this.chunks = null
    if (trailers !== null) this.meter.headerReceived += lineBytes(trailers.size, trailers)
    if (next < end) this.overrun()
    const decoder = this.decoder as ResponseDecoder
    this.onResponseEnd()
    if (trailers !== null && this.options.enableTrailers) {
      dropForbiddenTrailers(trailers)
      decoder.decodeTrailers(trailers)
    } else {
      if (trailers !== null) HeaderMap.release(trailers)
      decoder.decodeData(data, next, next, true)
    }
    // What follows a complete response is dropped with the connection, not taken for an answer.
    return end
  }

  onBodyData(data: Buffer, start: number, end: number): void {
    this.decoder?.decodeData(data, start, end, false)
  }

  private overrun(): void {
    this.closeAfterResponse = this.overran = true
  }

  private onResponseEnd(): void {
    this.state = Idle
    this.responseComplete = true
    this.connection.expectBulk = false
    if (this.requestComplete) this.finish()
  }

  private finish(): void {
    if (this.decoder === null) return
    this.decoder = null
    this.callbacks.onStreamComplete(!this.closeAfterResponse)
  }

  private fail(details: string): -1 {
    if (this.state === Dead) return -1
    this.state = Dead
    if (this.headers !== null) {
      HeaderMap.release(this.headers)
      this.headers = null
    }
    this.callbacks.onProtocolError(details)
    return -1
  }

  /** The origin closed: the regular end of a close-delimited body or tunnel, else too early. True when regular. */
  onConnectionClosed(): boolean {
    if (this.state !== UntilClose && this.state !== Tunnel) return false
    const decoder = this.decoder as ResponseDecoder
    this.closeAfterResponse = true
    this.onResponseEnd()
    decoder.decodeData(EMPTY, 0, 0, true)
    return true
  }

  /** Part of a response is there: cut short by a close, it is a broken message and not a lost connection. */
  get midResponse(): boolean {
    return (this.state > StartLine && this.state < UntilClose) || (this.partial !== null && !this.partial.empty)
  }
}

const EMPTY = Buffer.alloc(0)

/** As it is written where strings will do. */
function targetOf(headers: HeaderMap, fullyQualified: boolean): string {
  if (headers.method === 'CONNECT') return headers.authority
  return fullyQualified ? `${headers.scheme}://${headers.authority}${headers.path}` : headers.path
}

/** Methods whose empty body is said by `content-length: 0` (RFC 9110, 8.6); the same ones as Envoy's. */
function expectsBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'DELETE' && method !== 'CONNECT' && method !== 'TRACE'
}

function dropForbiddenTrailers(trailers: HeaderMap): void {
  trailers.remove(CONTENT_LENGTH)
  trailers.remove(TRANSFER_ENCODING)
  trailers.remove(HOST)
  trailers.remove(TRAILER)
}
