// HOT FILE (docs/hot-path.md): gRPC clients in front of an upstream that speaks plain HTTP.
import {
  ACCEPT,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  GRPC_FRAME_HEADER_BYTES,
  GRPC_STATUS,
  grpcFrame,
  grpcStatusOf,
  type HeaderMap,
  type HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  hasGrpcContentType,
  writeGrpcFrameHeader,
} from '../../../http/index.ts'

const UNKNOWN = 2
const INTERNAL = 13

export interface ReverseBridgeSettings {
  readonly contentType: string
  readonly withholdsFrames: boolean
  readonly sizeHeader: HeaderName | null
}

export interface ReverseBridgeRoute {
  readonly disabled: boolean
}

export class ReverseBridgeFilter extends HttpFilter {
  private readonly settings: ReverseBridgeSettings
  private enabled = false
  private clientType = ''
  /** Bytes of the request's frame header that are still to be taken away. */
  private headerLeft = 0
  private grpcStatus = 0
  /** The size that the upstream announced; -1: the response waits for its end. */
  private announced = -1
  private sent = 0
  private headerSent = false

  constructor(settings: ReverseBridgeSettings) {
    super()
    this.settings = settings
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (endStream || (this.routePlan() as ReverseBridgeRoute | null)?.disabled === true) return FilterContinue
    if (!hasGrpcContentType(headers)) return FilterContinue
    const { contentType, withholdsFrames } = this.settings
    this.enabled = true
    this.clientType = headers.get(CONTENT_TYPE) as string
    headers.set(CONTENT_TYPE, contentType)
    headers.set(ACCEPT, contentType)
    if (withholdsFrames) {
      this.headerLeft = GRPC_FRAME_HEADER_BYTES
      adjustLength(headers, -GRPC_FRAME_HEADER_BYTES)
    }
    this.callbacks.clearRouteCache()
    return FilterContinue
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.headerLeft === 0) return FilterContinue
    const taken = Math.min(this.headerLeft, end - start)
    this.headerLeft -= taken
    if (endStream && this.headerLeft > 0) {
      this.fail('invalid request body', 'grpc_bridge_data_too_small', UNKNOWN)
      return FilterStop
    }
    this.callbacks.decoding.replaceData(data, start + taken, end)
    return FilterContinue
  }

  private fail(text: string, details: string, grpcStatus: number): void {
    this.enabled = false
    this.callbacks.sendLocalReply(200, text, details, null, grpcStatus)
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (!this.enabled) return FilterContinue
    const { contentType, withholdsFrames, sizeHeader } = this.settings
    const type = headers.get(CONTENT_TYPE)
    if (type !== contentType) {
      const what = type === undefined || type === '' ? 'no content-type header' : `unsupported content-type ${type}`
      const text = `envoy reverse bridge: upstream responded with ${what}, status code ${headers.status}`
      this.fail(text, 'grpc_bridge_content_type_wrong', UNKNOWN)
      return FilterStop
    }
    headers.set(CONTENT_TYPE, this.clientType)
    if (withholdsFrames && sizeHeader === null) adjustLength(headers, GRPC_FRAME_HEADER_BYTES)
    if (withholdsFrames && sizeHeader !== null && !this.announceSize(headers, sizeHeader)) return FilterStop
    this.grpcStatus = headers.status === 200 ? 0 : grpcStatusOf(headers.status)
    headers.status = 200
    if (endStream && withholdsFrames) {
      const frame = grpcFrame(NOTHING)
      this.callbacks.encoding.addData(this, frame, 0, frame.length)
      headers.set(CONTENT_LENGTH, String(GRPC_FRAME_HEADER_BYTES))
      this.addStatus()
    }
    return FilterContinue
  }

  private announceSize(headers: HeaderMap, name: HeaderName): boolean {
    const size = headers.get(name)?.split(',', 1)[0]
    if (size === undefined || !/^\d{1,15}$/.test(size)) {
      const text = 'envoy reverse bridge: upstream did not set content length'
      this.fail(text, 'grpc_bridge_content_length_missing', INTERNAL)
      return false
    }
    this.announced = Number(size)
    headers.set(CONTENT_LENGTH, String(this.announced + GRPC_FRAME_HEADER_BYTES))
    return true
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (!this.enabled) return FilterContinue
    if (!this.settings.withholdsFrames) {
      if (endStream) this.addStatus()
      return FilterContinue
    }
    return this.announced < 0 ? this.whole(data, start, end, endStream) : this.piece(end - start, endStream)
  }

  /** The response in one frame, once its size is known. */
  private whole(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (!endStream) return FilterStopAndBuffer
    const { encoding } = this.callbacks
    const held = encoding.held(this)
    held?.append(data, start, end)
    const frame = grpcFrame(held?.toBuffer() ?? data.subarray(start, end))
    held?.clear()
    encoding.replaceData(frame, 0, frame.length)
    this.addStatus()
    return FilterContinue
  }

  private piece(bytes: number, endStream: boolean): HttpFilterStatus {
    const { encoding } = this.callbacks
    this.sent += bytes
    if (!this.headerSent) {
      this.headerSent = true
      const header = Buffer.allocUnsafe(GRPC_FRAME_HEADER_BYTES)
      writeGrpcFrameHeader(header, 0, this.announced)
      encoding.addData(this, header, 0, header.length)
    }
    if (!endStream) return FilterContinue
    if (this.sent !== this.announced) {
      const text = 'envoy reverse bridge: upstream set incorrect content length'
      this.fail(text, 'grpc_bridge_content_length_wrong', INTERNAL)
      return FilterStop
    }
    this.addStatus()
    return FilterContinue
  }

  private addStatus(): void {
    this.callbacks.encoding.addTrailers(this).set(GRPC_STATUS, String(this.grpcStatus))
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (!this.enabled) return FilterContinue
    trailers.set(GRPC_STATUS, String(this.grpcStatus))
    const held = this.callbacks.encoding.held(this)
    if (held !== null) {
      const frame = grpcFrame(held.toBuffer())
      held.clear()
      held.append(frame, 0, frame.length)
    }
    return FilterContinue
  }
}

const NOTHING = Buffer.alloc(0)

function adjustLength(headers: HeaderMap, by: number): void {
  const length = Number(headers.get(CONTENT_LENGTH) ?? 0)
  if (length > 0) headers.set(CONTENT_LENGTH, String(Math.max(length + by, 0)))
}
