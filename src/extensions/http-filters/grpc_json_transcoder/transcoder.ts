// HOT FILE (docs/hot-path.md): JSON over HTTP on the client's side, gRPC on the upstream's.
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  GRPC_MESSAGE,
  GRPC_STATUS,
  grpcStatusIn,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  hasGrpcContentType,
  httpStatusOfGrpc,
  isGrpcResponse,
  TE,
  TRAILER,
  X_ENVOY_ORIGINAL_PATH,
} from '../../../http/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import type { MethodTable } from './method-table.ts'
import { type PreparedRequest, prepareRequest } from './prepare-request.ts'
import type { RequestTranslator } from './request-translator.ts'
import { ResponsePrinter } from './response-printer.ts'
import { ResponseTranslator } from './response-translator.ts'
import type { TranscoderSettings } from './settings.ts'
import { REQUEST_BUFFER, RESPONSE_BUFFER } from './stats.ts'
import { GRPC_STATUS_DETAILS, statusJson } from './status-details.ts'
import type { TableSource } from './table-source.ts'

const X_ENVOY_ORIGINAL_METHOD = HeaderName.of('x-envoy-original-method')
const FAILED = 'grpc_json_transcode_failure'
const TOO_LARGE = "transcoder's internal buffer size exceeds the configured limit."
const NOTHING = Buffer.alloc(0)

/** A transcoder's configuration and where its methods come from. */
export interface Transcoding {
  readonly settings: TranscoderSettings
  readonly source: TableSource
}

export class TranscoderFilter extends HttpFilter {
  private readonly own: Transcoding
  private readonly stats: StatBlock
  private active: PreparedRequest | null = null
  private settings!: TranscoderSettings
  private request: RequestTranslator | null = null
  private response: ResponseTranslator | null = null
  private printer: ResponsePrinter | null = null
  private responseHeaders: HeaderMap | null = null
  /** What is ready of a response that is sent in one piece. */
  private ready: Buffer[] = []
  private readyBytes = 0
  private hasBody = false
  /** The request waits for the services to become known. */
  private waiting: (() => void) | null = null
  private source: TableSource | null = null
  private requestHeld = 0
  private responseHeld = 0

  constructor(own: Transcoding, stats: StatBlock) {
    super()
    this.own = own
    this.stats = stats
  }

  // ---- request

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { settings, source } = (this.routePlan() as Transcoding | null) ?? this.own
    if (settings.services.length === 0 || hasGrpcContentType(headers)) return FilterContinue
    this.settings = settings
    source.demand(this.callbacks.thread)
    if (source.current !== null) return this.begin(headers, endStream, source.current)
    if (!source.pending) return this.rejectUnknown()
    this.source = source
    this.waiting = () => this.resume(headers, endStream)
    source.wait(this.waiting)
    return FilterStopAndBuffer
  }

  private resume(headers: HeaderMap, endStream: boolean): void {
    this.waiting = null
    const table = this.source?.current ?? null
    const { buffers } = this.callbacks.thread
    buffers.enter()
    if (table === null) this.rejectUnknown()
    else if (this.begin(headers, endStream, table) === FilterContinue) this.callbacks.continueDecoding(this)
    buffers.leave()
  }

  private rejectUnknown(): HttpFilterStatus {
    this.callbacks.sendLocalReply(503, 'the services are not known yet', 'grpc_json_transcoder_no_descriptors')
    return FilterStop
  }

  /** The services are known. */
  private begin(headers: HeaderMap, endStream: boolean, table: MethodTable): HttpFilterStatus {
    const { settings } = this
    const { maxRequestBytes } = settings
    const maxBytes = maxRequestBytes >= 0 ? maxRequestBytes : this.callbacks.bufferLimitBytes
    const prepared = prepareRequest(headers, table, settings, maxBytes)
    if (prepared === null) return FilterContinue
    if ('status' in prepared) {
      const details = `early_${FAILED}{${prepared.code}}`
      this.callbacks.sendLocalReply(prepared.status, latin1(prepared.problem), details)
      return FilterStop
    }
    this.active = prepared
    this.request = prepared.translator
    this.printer = new ResponsePrinter(settings, table.registry)
    this.rewrite(headers, prepared.binding.path)
    if (!endStream) return FilterContinue
    const frames = Buffer.concat(prepared.translator.finish())
    if (!this.requestIsGood(`early_${FAILED}`)) return FilterStop
    this.callbacks.decoding.addData(this, frames, 0, frames.length)
    return FilterContinue
  }

  private rewrite(headers: HeaderMap, path: string): void {
    headers.remove(CONTENT_LENGTH)
    headers.set(CONTENT_TYPE, 'application/grpc')
    headers.set(X_ENVOY_ORIGINAL_PATH, headers.path)
    headers.set(X_ENVOY_ORIGINAL_METHOD, headers.method)
    headers.path = path
    headers.method = 'POST'
    headers.set(TE, 'trailers')
    if (!this.settings.matchesIncomingRoute) this.callbacks.clearRouteCache()
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { request } = this
    if (request === null) return FilterContinue
    let frames = request.write(data, start, end)
    if (request.tooLarge) {
      this.fail(413, `Request rejected because the ${TOO_LARGE}`, `${FAILED}{request_buffer_size_limit_reached}`)
      return FilterStop
    }
    if (endStream) frames = [...frames, ...request.finish()]
    this.noteRequestBytes(request.bytesHeld)
    if (!this.requestIsGood(FAILED)) return FilterStop
    const bytes = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames)
    this.callbacks.decoding.replaceData(bytes, 0, bytes.length)
    return FilterContinue
  }

  override decodeTrailers(): HttpFilterStatus {
    const { request } = this
    if (request === null) return FilterContinue
    const frames = Buffer.concat(request.finish())
    this.noteRequestBytes(0)
    if (!this.requestIsGood(FAILED)) return FilterStop
    this.callbacks.decoding.addData(this, frames, 0, frames.length)
    return FilterContinue
  }

  private requestIsGood(details: string): boolean {
    const problem = this.request?.error ?? null
    if (problem === null) return true
    this.fail(400, latin1(problem), `${details}{INVALID_ARGUMENT}`)
    return false
  }

  private fail(status: number, text: string, details: string): void {
    this.active = null
    this.request = null
    this.response = null
    this.callbacks.sendLocalReply(status, text, details)
  }

  // ---- response

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { active } = this
    if (active === null) return FilterContinue
    if (!isGrpcResponse(headers, endStream)) {
      this.active = null
      return FilterContinue
    }
    this.responseHeaders = headers
    const { serverStreams, responseIsHttpBody } = active.binding
    if (endStream) {
      this.endWithHeaders(headers)
      return FilterContinue
    }
    const limit = this.responseLimit
    this.response = new ResponseTranslator(active.binding, this.printer as ResponsePrinter, this.settings, limit)
    const events = serverStreams && this.settings.streamStyle === 'events'
    headers.set(CONTENT_TYPE, events ? 'text/event-stream' : 'application/json')
    headers.remove(CONTENT_LENGTH)
    return serverStreams && !responseIsHttpBody ? FilterContinue : FilterStop
  }

  /** A trailers-only response. */
  private endWithHeaders(headers: HeaderMap): void {
    const converted = this.convertStatus(headers)
    const status = grpcStatusIn(headers)
    headers.status = status === null || status < 0 ? 503 : httpStatusOfGrpc(status)
    this.dropTrailerField(headers)
    const body = converted ?? this.emptyStream()
    if (converted !== null) {
      headers.remove(GRPC_STATUS)
      headers.remove(GRPC_MESSAGE)
      headers.remove(GRPC_STATUS_DETAILS)
    }
    if (body.length > 0 || converted !== null) headers.set(CONTENT_TYPE, 'application/json')
    headers.set(CONTENT_LENGTH, String(body.length))
    this.callbacks.encoding.addData(this, body, 0, body.length)
    this.active = null
  }

  private emptyStream(): Buffer {
    const { binding } = this.active as PreparedRequest
    const shown = binding.serverStreams && !binding.responseIsHttpBody && this.settings.streamStyle === 'array'
    return shown ? Buffer.from('[]') : NOTHING
  }

  /** convert_grpc_status: an error's body where the response has none; null: it is not converted. */
  private convertStatus(trailers: HeaderMap): Buffer | null {
    const status = grpcStatusIn(trailers)
    if (!this.settings.convertsStatus || this.hasBody || status === null || status <= 0) return null
    const json = statusJson(status, trailers, this.printer as ResponsePrinter)
    return json === null ? null : Buffer.from(json)
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { active, response } = this
    if (active === null || response === null) return FilterContinue
    this.hasBody = true
    const bytes = response.write(data, start, end)
    const waits = !active.binding.serverStreams
    if (waits && bytes.length > 0) {
      this.ready.push(bytes)
      this.readyBytes += bytes.length
    }
    this.noteResponseBytes(response.bytesHeld + this.readyBytes)
    if (!this.responseIsGood(response)) return FilterStop
    if (waits) return endStream ? this.endWithData() : FilterStop
    if (active.binding.responseIsHttpBody) {
      if (response.contentType === null && !endStream) return FilterStop
      this.setBodyType()
    }
    const tail = endStream ? response.finish() : NOTHING
    const out = tail.length === 0 ? bytes : Buffer.concat([bytes, tail])
    this.callbacks.encoding.replaceData(out, 0, out.length)
    return FilterContinue
  }

  private responseIsGood(response: ResponseTranslator): boolean {
    if (response.error !== null) {
      this.fail(502, latin1(response.error), `${FAILED}{INVALID_ARGUMENT}`)
      return false
    }
    if (response.tooLarge || response.bytesHeld + this.readyBytes > this.responseLimit) {
      this.fail(
        500,
        `Response not transcoded because the ${TOO_LARGE}`,
        `${FAILED}{response_buffer_size_limit_reached}`,
      )
      return false
    }
    return true
  }

  private get responseLimit(): number {
    const limit = this.settings.maxResponseBytes
    return limit >= 0 ? limit : this.callbacks.bufferLimitBytes
  }

  /** A unary response without trailers, so without a grpc-status. */
  private endWithData(): HttpFilterStatus {
    const body = this.endUnary(null)
    this.callbacks.encoding.replaceData(body, 0, body.length)
    return FilterContinue
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    const { active, response } = this
    if (active === null || response === null) return FilterContinue
    this.noteResponseBytes(0)
    let body: Buffer
    if (!active.binding.serverStreams) body = this.endUnary(trailers)
    else {
      if (active.binding.responseIsHttpBody) this.setBodyType()
      body = this.convertStatus(trailers) ?? response.finish()
    }
    this.callbacks.encoding.addData(this, body, 0, body.length)
    return FilterContinue
  }

  /** Sets the head of a response that waited for its end; returns its body. */
  private endUnary(trailers: HeaderMap | null): Buffer {
    const headers = this.responseHeaders as HeaderMap
    const status = trailers === null ? null : grpcStatusIn(trailers)
    headers.status = status === null || status < 0 ? 503 : httpStatusOfGrpc(status)
    this.dropTrailerField(headers)
    const converted = trailers === null ? null : this.convertStatus(trailers)
    const body = converted ?? Buffer.concat(this.ready)
    if (this.active?.binding.responseIsHttpBody === true && this.setBodyType()) {
      headers.set(CONTENT_LENGTH, String(body.length))
    }
    if (converted === null && trailers !== null) {
      if (status !== null && status >= 0) headers.set(GRPC_STATUS, String(status))
      const message = trailers.get(GRPC_MESSAGE)
      if (message !== undefined) headers.set(GRPC_MESSAGE, message)
    }
    headers.set(CONTENT_LENGTH, String(body.length))
    return body
  }

  /** The content type of an HttpBody, once; false: none has come. */
  private setBodyType(): boolean {
    const type = this.response?.contentType ?? null
    if (type === null || this.responseHeaders === null) return false
    this.responseHeaders.set(CONTENT_TYPE, latin1(type))
    this.responseHeaders = null
    return true
  }

  private dropTrailerField(headers: HeaderMap): void {
    if (this.callbacks.info.protocol !== 'HTTP/2') headers.remove(TRAILER)
  }

  // ---- stats

  private noteRequestBytes(bytes: number): void {
    this.stats.cells[REQUEST_BUFFER]! += bytes - this.requestHeld
    this.requestHeld = bytes
  }

  private noteResponseBytes(bytes: number): void {
    this.stats.cells[RESPONSE_BUFFER]! += bytes - this.responseHeld
    this.responseHeld = bytes
  }

  override onDestroy(): void {
    if (this.waiting !== null) this.source?.cancel(this.waiting)
    this.noteRequestBytes(0)
    this.noteResponseBytes(0)
  }
}

/** Texts of local replies and headers are one character per byte. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
