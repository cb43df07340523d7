// HOT FILE (docs/hot-path.md): gRPC for HTTP/1 clients: trailers become headers, so the response waits for them.
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  GRPC_FRAME_HEADER_BYTES,
  GRPC_MESSAGE,
  GRPC_STATUS,
  grpcFrame,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  hasGrpcContentType,
  isGrpcResponse,
} from '../../../http/index.ts'

const PROTOBUF = 'application/x-protobuf'
const UNAVAILABLE = 503

export interface Http1BridgeSettings {
  readonly upgradesProtobuf: boolean
  readonly ignoresQuery: boolean
}

export class Http1BridgeFilter extends HttpFilter {
  private readonly settings: Http1BridgeSettings
  private bridging = false
  private framing = false
  /** Bytes of the response's frame header that are still to be taken away. */
  private headerLeft = 0
  private response: HeaderMap | null = null

  constructor(settings: Http1BridgeSettings) {
    super()
    this.settings = settings
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { upgradesProtobuf, ignoresQuery } = this.settings
    if (upgradesProtobuf && headers.get(CONTENT_TYPE) === PROTOBUF) {
      this.framing = true
      this.headerLeft = GRPC_FRAME_HEADER_BYTES
      headers.set(CONTENT_TYPE, 'application/grpc')
      headers.remove(CONTENT_LENGTH)
      this.callbacks.clearRouteCache()
    }
    this.bridging = this.callbacks.info.protocol !== 'HTTP/2' && hasGrpcContentType(headers)
    if (this.bridging && ignoresQuery) {
      const query = headers.path.indexOf('?')
      if (query >= 0) headers.path = headers.path.slice(0, query)
    }
    return FilterContinue
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (!this.bridging || !this.framing) return FilterContinue
    if (!endStream) return FilterStopAndBuffer
    const { decoding } = this.callbacks
    const held = decoding.held(this)
    held?.append(data, start, end)
    const frame = grpcFrame(held?.toBuffer() ?? data.subarray(start, end))
    held?.clear()
    decoding.replaceData(frame, 0, frame.length)
    return FilterContinue
  }

  override decodeTrailers(): HttpFilterStatus {
    const held = this.framing ? this.callbacks.decoding.held(this) : null
    if (held !== null) {
      const frame = grpcFrame(held.toBuffer())
      held.clear()
      held.append(frame, 0, frame.length)
    }
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (!this.bridging || endStream) return FilterContinue
    this.response = headers
    if (!isGrpcResponse(headers, false)) this.headerLeft = 0
    return FilterStop
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (!this.bridging || this.response === null) return FilterContinue
    if (this.headerLeft > 0) {
      const taken = Math.min(this.headerLeft, end - start)
      this.headerLeft -= taken
      this.callbacks.encoding.replaceData(data, start + taken, end)
    }
    return endStream ? FilterContinue : FilterStopAndBuffer
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    const { response } = this
    if (!this.bridging || response === null) return FilterContinue
    const status = trailers.get(GRPC_STATUS)
    if (status !== undefined) {
      if (!/^0+$/.test(status)) response.status = UNAVAILABLE
      response.set(GRPC_STATUS, status)
    }
    const message = trailers.get(GRPC_MESSAGE)
    if (message !== undefined) response.set(GRPC_MESSAGE, message)
    response.set(CONTENT_LENGTH, String(this.callbacks.encoding.held(this)?.length ?? 0))
    return FilterContinue
  }
}
