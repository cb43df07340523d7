// HOT FILE (docs/hot-path.md): the server half of HTTP/1.1 (RFC 9112): request bytes in, response bytes out.
import type { Connection } from '../../../net/index.ts'
import { BytesMeter } from '../../../observability/index.ts'
import { HeaderMap } from '../../headers.ts'
import { CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE } from '../../known-headers.ts'
import type {
  CodecError,
  RequestDecoder,
  ResetReason,
  ResponseEncoder,
  ServerCodec,
  ServerCodecCallbacks,
} from '../codec.ts'
import { ChunkParser, type ChunkSink } from './chunk-parser.ts'
import {
  FramingChunked,
  FramingClose,
  FramingLength,
  FramingNone,
  FramingTunnel,
  framingLine,
  ownStatusLine,
  statusLine,
  writeChunk,
  writeHead,
  writeTrailers,
} from './encode.ts'
import { contentLengthOf, lineBytes } from './framing.ts'
import { FieldScanner, ScanDone, ScanFailed } from './head-scanner.ts'
import { keepNames, preservedCase, writeCasedHead } from './header-case.ts'
import type { Http1Options } from './options.ts'
import { PartialInput } from './partial-input.ts'
import {
  asksForUpgrade,
  checkRequestHead,
  dropForbiddenTrailers,
  headError,
  LOW_VERSION,
  UNREADABLE_HEAD,
} from './request-head.ts'
import { RequestLine } from './request-line.ts'

// Parsers hold no state between two calls on different connections: one set per thread serves all.
const requestLine = new RequestLine()
const fields = new FieldScanner()

const StartLine = 0
const Fields = 1
const LengthBody = 2
const ChunkedBody = 3
const Tunnel = 4
/** The request is complete; what follows waits for the response's end. */
const Complete = 5
const Dead = 6

/** Pipelined bytes kept at most while a response is under way or not read; beyond, reading pauses. */
const MAX_PIPELINED_BYTES = 65536
/** Two blanks, 'HTTP/1.1', the line's end and the empty line behind the head: what is neither method, target nor field. */
const START_LINE_REST = 14

export class Http1ServerCodec implements ServerCodec, ResponseEncoder, ChunkSink {
  protocol: 'HTTP/1.0' | 'HTTP/1.1' = 'HTTP/1.1'
  meter = new BytesMeter()
  private readonly connection: Connection
  private readonly callbacks: ServerCodecCallbacks
  private readonly options: Http1Options
  private state = StartLine
  private headers: HeaderMap | null = null
  private decoder: RequestDecoder | null = null
  /** The meter is that of a stream which has ended: what comes next counts anew. */
  private meterOver = false
  /** A decoded request whose response has not ended. */
  private streamOpen = false
  private remaining = 0
  private chunks: ChunkParser | null = null
  private partial: PartialInput | null = null
  private pausedForPipelining = false
  /** The client does not read what it was answered: no further request of it begins. */
  private flooded = false
  private responseFraming = FramingNone
  private headRequest = false
  private connectRequest = false
  private headBytes = 0
  /** Bytes at hand when the head began. */
  private available = 0
  private startLineBytes = 0
  private dispatching = false

  constructor(connection: Connection, callbacks: ServerCodecCallbacks, options: Http1Options) {
    this.connection = connection
    this.callbacks = callbacks
    this.options = options
  }

  get activeStreams(): number {
    return this.streamOpen ? 1 : 0
  }

  get hasPartialRequest(): boolean {
    if (this.state === Dead) return false
    return this.headers !== null || (!this.streamOpen && this.partial !== null && !this.partial.empty)
  }

  /** The request has been received to its end. */
  get requestComplete(): boolean {
    return this.state === Complete || this.state === StartLine
  }

  // ---- decoding

  dispatch(data: Buffer, start: number, end: number): void {
    if (this.meterOver) this.renewMeter()
    this.meter.wireReceived += end - start
    const { partial } = this
    if (partial === null || partial.empty) {
      this.dispatching = true
      const position = this.run(data, start, end)
      this.dispatching = false
      if (position < end && this.state !== Dead) this.keep(data, position, end)
      return
    }
    partial.append(data, start, end)
    if (this.nextMustWait) this.limitPipelining()
    else if (partial.worthScanning || partial.length >= this.options.limits.maxBytes || this.state > Fields)
      this.runPartial()
  }

  private renewMeter(): void {
    this.meterOver = false
    this.meter = new BytesMeter()
  }

  /** Goes on with bytes that were kept; what completes a request leaves the buffer before its response can end. */
  private runPartial(): void {
    const partial = this.partial as PartialInput
    while (!partial.empty && this.state !== Complete && this.state !== Dead) {
      if (this.state > Fields) {
        const rest = partial.drain()
        this.dispatching = true
        const position = this.run(rest, 0, rest.length)
        this.dispatching = false
        if (position < rest.length && (this.state as number) !== Dead) this.keep(rest, position, rest.length)
        return
      }
      const before = partial.length
      this.dispatching = true
      const position = this.run(partial.buffer, 0, before)
      this.dispatching = false
      partial.consume(position)
      if (position === 0) return
    }
  }

  private keep(data: Buffer, start: number, end: number): void {
    this.partial ??= new PartialInput()
    this.partial.append(data, start, end)
    if (this.nextMustWait) this.limitPipelining()
    else this.partial.consume(0)
  }

  private get nextMustWait(): boolean {
    return this.state === Complete || (this.flooded && this.state === StartLine)
  }

  private limitPipelining(): void {
    if (this.pausedForPipelining || (this.partial as PartialInput).length < MAX_PIPELINED_BYTES) return
    this.pausedForPipelining = true
    this.connection.readDisable(true)
  }

  /** Parses [position, end); returns the position of the first byte that it could not use yet. */
  private run(data: Buffer, position: number, end: number): number {
    while (position < end) {
      switch (this.state) {
        case StartLine:
        case Fields: {
          if (this.flooded && this.state === StartLine) return position
          const next = this.parseHead(data, position, end)
          if (next < 0) return end
          // A head that is incomplete; or the request has been answered already, and the next one may stand behind it.
          if (this.state === Fields || (this.state === StartLine && next === position)) return next
          position = next
          break
        }
        case LengthBody: {
          const size = Math.min(this.remaining, end - position)
          this.remaining -= size
          const last = this.remaining === 0
          if (last) this.state = Complete
          this.connection.expectBulk = this.remaining > 32768
          this.decoder?.decodeData(data, position, position + size, last)
          position += size
          break
        }
        case ChunkedBody:
          position = this.parseChunked(data, position, end)
          break
        case Tunnel:
          this.decoder?.decodeData(data, position, end, false)
          return end
        case Complete:
          return position
        default:
          return end
      }
    }
    return position
  }

  /** Returns the position reached, or -1 after an error. */
  private parseHead(data: Buffer, position: number, end: number): number {
    const headers = (this.headers ??= HeaderMap.acquire())
    const { limits } = this.options
    if (this.state === StartLine) {
      this.available = end - position
      const status = requestLine.scan(headers, data, position, end, limits.maxBytes, this.options.customMethods)
      if (status === ScanFailed) return this.failHead(requestLine.failure)
      if (status !== ScanDone) {
        // Nothing but empty lines so far: no request has begun.
        if (requestLine.position === end) this.forgetHeaders()
        return requestLine.position
      }
      // Where old versions are welcome, all others pass for HTTP/1.0, as with Envoy.
      const other = requestLine.otherVersion || requestLine.noVersion
      if (other && !this.options.acceptHttp10) return this.fail(LOW_VERSION)
      this.protocol = requestLine.minor === 1 && !other ? 'HTTP/1.1' : 'HTTP/1.0'
      this.state = Fields
      this.startLineBytes = headers.method.length + START_LINE_REST
      position = requestLine.position
      if (requestLine.noVersion) {
        fields.position = position
        this.onHeadComplete(headers)
        return (this.state as number) === Dead ? -1 : position
      }
    }
    const { preserveCase } = this.options
    if (preserveCase !== null) fields.originalNames = keepNames(headers, preserveCase)
    fields.otherBytes = this.startLineBytes
    const status = fields.scan(headers, data, position, end, limits)
    fields.originalNames = null
    if (fields.droppedUnderscores > 0) this.tellDroppedUnderscores()
    if (status === ScanFailed) return this.failHead(fields.failure)
    if (status === ScanDone) {
      this.headBytes = lineBytes(headers.size - (headers.pathEnd - headers.pathStart), headers)
      this.onHeadComplete(headers)
    }
    return this.state === Dead ? -1 : fields.position
  }

  private onHeadComplete(headers: HeaderMap): void {
    const { options } = this
    const http11 = this.protocol === 'HTTP/1.1'
    const problem = checkRequestHead(headers, options, http11, this.connection.ssl)
    if (problem !== null) {
      if (problem === UNREADABLE_HEAD) this.protocol = 'HTTP/1.1'
      this.fail(problem)
      return
    }
    const length = contentLengthOf(headers)
    const chunked = headers.has(TRANSFER_ENCODING)
    this.headers = null
    this.streamOpen = true
    // Pipelined bytes count again for the request they belong to (Envoy).
    if (this.meterOver) {
      this.renewMeter()
      this.meter.wireReceived += this.available
    }
    this.meter.headerReceived += this.headBytes
    this.headRequest = headers.method === 'HEAD'
    this.connectRequest = headers.method === 'CONNECT'
    this.responseFraming = FramingNone
    this.decoder = this.callbacks.newStream(this)
    if (headers.method === 'CONNECT' || (http11 && headers.has(UPGRADE) && !chunked && length <= 0)) {
      // What follows is no HTTP and no body: it waits until the upstream has agreed (upgradeToTunnel).
      this.state = Complete
      this.decoder.decodeHeaders(headers, headers.method !== 'CONNECT' && !asksForUpgrade(headers))
    } else if (chunked) {
      this.state = ChunkedBody
      this.chunks = new ChunkParser(options.limits)
      this.connection.expectBulk = true
      this.decoder.decodeHeaders(headers, false)
    } else if (length > 0) {
      this.state = LengthBody
      this.remaining = length
      this.connection.expectBulk = length > 65536
      this.decoder.decodeHeaders(headers, false)
    } else {
      this.state = Complete
      this.decoder.decodeHeaders(headers, true)
    }
  }

  private parseChunked(data: Buffer, position: number, end: number): number {
    const chunks = this.chunks as ChunkParser
    const next = chunks.parse(data, position, end, this)
    if (chunks.failed) {
      this.fail(headError(chunks.failure))
      return end
    }
    if (!chunks.done) return next
    const { trailers } = chunks
    this.chunks = null
    if (trailers !== null) this.meter.headerReceived += lineBytes(trailers.size, trailers)
    this.state = Complete
    this.connection.expectBulk = false
    const { decoder } = this
    if (trailers !== null && this.options.enableTrailers && decoder !== null) {
      dropForbiddenTrailers(trailers)
      decoder.decodeTrailers(trailers)
    } else {
      if (trailers !== null) HeaderMap.release(trailers)
      decoder?.decodeData(data, next, next, true)
    }
    return next
  }

  onBodyData(data: Buffer, start: number, end: number): void {
    this.decoder?.decodeData(data, start, end, false)
  }

  /** Who cannot write a head is not taken at his word for the version (Envoy). */
  private failHead(failure: string): -1 {
    this.protocol = 'HTTP/1.1'
    return this.fail(headError(failure))
  }

  private fail(error: CodecError): -1 {
    this.state = Dead
    // Answered in the version that is wanted instead (RFC 9110, 15.5.22).
    if (!this.options.acceptHttp10) this.protocol = 'HTTP/1.1'
    // The request before does not say how this one is answered.
    if (!this.streamOpen) this.headRequest = this.connectRequest = false
    this.forgetHeaders()
    this.callbacks.onCodecError(error)
    return -1
  }

  private forgetHeaders(): void {
    if (this.headers === null) return
    HeaderMap.release(this.headers)
    this.headers = null
  }

  /** The scanner is the thread's: what it dropped is told before it scans for another connection. */
  private tellDroppedUnderscores(): void {
    const dropped = fields.droppedUnderscores
    fields.droppedUnderscores = 0
    this.callbacks.onUnderscoresDropped?.(dropped)
  }

  // ---- encoding

  encode1xxHeaders(headers: HeaderMap): void {
    // An older client would take it for the answer (RFC 9110, 15.2).
    if (this.protocol === 'HTTP/1.0') return
    this.writeHead(statusLine(1, headers.status), headers, null)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { status, reasonPhrase } = headers
    const http11 = this.protocol === 'HTTP/1.1'
    const minor = http11 ? 1 : 0
    const bodiless = this.headRequest || status === 204 || status === 304
    // RFC 9110, 8.6: 204 says no length.
    if (status === 204) headers.remove(CONTENT_LENGTH)
    const hasLength = headers.has(CONTENT_LENGTH)
    const line = reasonPhrase === null ? statusLine(minor, status) : ownStatusLine(minor, status, reasonPhrase)
    const framing = this.frame(status, endStream, bodiless, hasLength)
    this.responseFraming = framing
    const { headRequest } = this
    this.writeHead(line, headers, framingLine(framing, headRequest, http11, status, endStream, bodiless, hasLength))
    if (endStream) this.onResponseComplete()
  }

  private writeHead(line: Uint8Array, headers: HeaderMap, framing: Uint8Array | null): void {
    const headerCase = headers.originalNames === null ? this.options.headerCase : preservedCase(headers)
    if (headerCase === null) writeHead(this.connection, line, headers, framing, this.meter)
    else writeCasedHead(this.connection, line, headers, framing, headerCase, this.meter)
  }

  private frame(status: number, endStream: boolean, bodiless: boolean, hasLength: boolean): number {
    if (this.state === Tunnel || status === 101) return FramingTunnel
    if (this.connectRequest && status >= 200 && status < 300) return FramingTunnel
    if (endStream || bodiless) return FramingNone
    if (hasLength) return FramingLength
    return this.protocol === 'HTTP/1.1' ? FramingChunked : FramingClose
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.responseFraming === FramingChunked) {
      if (end > start || endStream) this.meter.wireSent += writeChunk(this.connection, data, start, end, endStream)
    } else if (end > start && this.responseFraming !== FramingNone) {
      this.meter.wireSent += end - start
      this.connection.write(data, start, end)
    }
    if (endStream) this.onResponseComplete()
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.responseFraming === FramingChunked)
      writeTrailers(this.connection, this.options.enableTrailers ? trailers : null, this.meter)
    this.onResponseComplete()
  }

  /** From now on bytes pass both ways as they are (after 101, or 2xx to CONNECT). */
  upgradeToTunnel(): void {
    this.state = Tunnel
    this.responseFraming = FramingTunnel
    this.connection.expectBulk = true
    if (!this.dispatching && this.partial !== null && !this.partial.empty) this.runPartial()
  }

  private onResponseComplete(): void {
    this.meterOver = true
    this.streamOpen = false
    this.decoder = null
    if (this.state !== Complete) {
      // The request's rest would be read as the next request: nothing more is read (RFC 9112, 9.6).
      this.state = Dead
      return
    }
    this.state = StartLine
  }

  /** The stream's owner is done with it: bytes that were kept become the next request. */
  resumePipelined(): void {
    if (this.dispatching || this.nextMustWait || this.state !== StartLine) return
    if (this.partial === null || this.partial.empty) return
    if (this.pausedForPipelining) {
      this.pausedForPipelining = false
      this.connection.readDisable(false)
    }
    this.runPartial()
  }

  /** No further request is read on this connection. */
  stop(): void {
    if (!this.streamOpen) this.state = Dead
  }

  /** HTTP/1 tells with its next response, by `connection: close`. */
  shutdownNotice(): void {}

  goAway(): void {}

  resetStream(_reason: ResetReason): void {
    this.streamOpen = false
    this.decoder = null
    this.state = Dead
  }

  readDisable(disable: boolean): void {
    this.connection.readDisable(disable)
  }

  get bytesBuffered(): number {
    return this.connection.bytesBuffered
  }

  onAboveWriteBufferHighWatermark(): void {
    this.flooded = true
    this.decoder?.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.flooded = false
    if (this.decoder !== null) this.decoder.onBelowWriteBufferLowWatermark()
    else this.resumePipelined()
  }

  onConnectionClosed(): void {
    const { decoder } = this
    this.decoder = null
    this.streamOpen = false
    this.state = Dead
    this.forgetHeaders()
    decoder?.onResetStream('connection_termination', null)
  }
}
