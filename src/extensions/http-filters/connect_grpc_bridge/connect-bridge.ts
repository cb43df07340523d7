// HOT FILE (docs/hot-path.md): Connect on the client's side, gRPC on the upstream's.
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
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  isGrpcResponse,
  removePrefix,
  TRAILER,
} from '../../../http/index.ts'
import {
  connectError,
  connectHttpStatus,
  endOfStream,
  failedStatus,
  forEachMetadata,
  GRPC_STATUS_DETAILS,
} from './connect-error.ts'
import {
  CONNECT_ACCEPT_ENCODING,
  CONNECT_CONTENT_ENCODING,
  CONTENT_ENCODING,
  type ConnectCall,
  GRPC_ACCEPT_ENCODING,
  GRPC_ENCODING,
  rename,
  takeConnectRequest,
} from './connect-request.ts'

const COMPRESSED = 1
const END_OF_STREAM = 2
const GRPC_TYPE = 'application/grpc+'
const TOO_LARGE = "because the filter's internal buffer size exceeds the configured limit."

export class ConnectBridgeFilter extends HttpFilter {
  private call: ConnectCall | null = null
  /** The head of a gRPC response, of a unary call until its end. */
  private response: HeaderMap | null = null
  /** Bytes of the response's frame header that are still to be taken away. */
  private headerLeft = GRPC_FRAME_HEADER_BYTES

  // ---- request

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    this.call = takeConnectRequest(headers)
    if (this.call?.kind === 'unary' && endStream) {
      const frame = grpcFrame(this.call.message ?? Buffer.alloc(0), this.call.flags)
      this.callbacks.decoding.addData(this, frame, 0, frame.length)
    }
    return FilterContinue
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { call } = this
    if (call?.kind !== 'unary') return FilterContinue
    const { decoding, bufferLimitBytes } = this.callbacks
    const held = decoding.held(this)
    if ((held?.length ?? 0) + end - start > bufferLimitBytes) {
      this.call = null
      this.callbacks.sendLocalReply(413, `Request rejected ${TOO_LARGE}`, 'connect_bridge_unary_request_too_large')
      return FilterStop
    }
    if (!endStream) return FilterStopAndBuffer
    held?.append(data, start, end)
    const frame = grpcFrame(held?.toBuffer() ?? data.subarray(start, end), call.flags)
    held?.clear()
    decoding.replaceData(frame, 0, frame.length)
    return FilterContinue
  }

  override decodeTrailers(): HttpFilterStatus {
    const { call } = this
    if (call?.kind !== 'unary') return FilterContinue
    const { decoding } = this.callbacks
    const held = decoding.held(this)
    const frame = grpcFrame(held?.toBuffer() ?? Buffer.alloc(0), call.flags)
    held?.clear()
    decoding.addData(this, frame, 0, frame.length)
    return FilterContinue
  }

  // ---- response

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { call } = this
    if (call === null || !isGrpcResponse(headers, endStream)) return FilterContinue
    this.response = headers
    headers.remove(CONTENT_LENGTH)
    const type = headers.get(CONTENT_TYPE) ?? ''
    const format = type.startsWith(GRPC_TYPE) ? type.slice(GRPC_TYPE.length) : 'proto'
    if (call.kind === 'stream') {
      headers.set(CONTENT_TYPE, `application/connect+${format}`)
      rename(headers, GRPC_ENCODING, CONNECT_CONTENT_ENCODING)
      rename(headers, GRPC_ACCEPT_ENCODING, CONNECT_ACCEPT_ENCODING)
      if (endStream) this.endStreamWithHeaders(headers)
      return FilterContinue
    }
    headers.set(CONTENT_TYPE, `application/${format}`)
    rename(headers, GRPC_ENCODING, CONTENT_ENCODING)
    headers.remove(TRAILER)
    if (!endStream) return FilterStop
    const body = this.unaryError(headers, headers)
    if (body !== null) this.callbacks.encoding.addData(this, body, 0, body.length)
    removeGrpc(headers)
    return FilterContinue
  }

  private endStreamWithHeaders(headers: HeaderMap): void {
    const frame = grpcFrame(endOfStream(headers, false), END_OF_STREAM)
    removeGrpc(headers)
    this.callbacks.encoding.addData(this, frame, 0, frame.length)
  }

  /** The body of a failed unary call; null: it went well. */
  private unaryError(headers: HeaderMap, trailers: HeaderMap): Buffer | null {
    const status = failedStatus(trailers)
    if (status === null) return null
    headers.status = connectHttpStatus(status)
    headers.set(CONTENT_TYPE, 'application/json')
    headers.remove(CONTENT_ENCODING)
    return Buffer.from(JSON.stringify(connectError(status, trailers)))
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { response, callbacks } = this
    if (response === null || this.call?.kind !== 'unary') return FilterContinue
    if (this.headerLeft === GRPC_FRAME_HEADER_BYTES && end > start && (data[start]! & COMPRESSED) === 0) {
      response.remove(CONTENT_ENCODING)
    }
    const taken = Math.min(this.headerLeft, end - start)
    this.headerLeft -= taken
    if ((callbacks.encoding.held(this)?.length ?? 0) + end - start - taken > callbacks.bufferLimitBytes) {
      this.call = null
      callbacks.sendLocalReply(500, `Response discarded ${TOO_LARGE}`, 'connect_bridge_unary_response_too_large')
      return FilterStop
    }
    callbacks.encoding.replaceData(data, start + taken, end)
    return endStream ? FilterContinue : FilterStopAndBuffer
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    const { response, call } = this
    if (response === null || call === null) return FilterContinue
    const { encoding } = this.callbacks
    if (call.kind === 'stream') {
      const frame = grpcFrame(endOfStream(trailers, true), END_OF_STREAM)
      trailers.clear()
      encoding.addData(this, frame, 0, frame.length)
      return FilterContinue
    }
    forEachMetadata(trailers, (name, value) => response.append(HeaderName.of(`trailer-${name}`), value))
    const body = this.unaryError(response, trailers)
    trailers.clear()
    if (body !== null) {
      encoding.held(this)?.clear()
      encoding.addData(this, body, 0, body.length)
    }
    return FilterContinue
  }
}

/** What only gRPC clients read. */
function removeGrpc(headers: HeaderMap): void {
  headers.remove(GRPC_STATUS)
  headers.remove(GRPC_MESSAGE)
  headers.remove(GRPC_STATUS_DETAILS)
  removePrefix(headers, 'grpc-')
}
