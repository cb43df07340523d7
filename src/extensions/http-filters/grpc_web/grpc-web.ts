// HOT FILE (docs/hot-path.md): gRPC-Web on the client's side, gRPC on the upstream's.
import {
  ACCEPT,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  encodeGrpcMessage,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  GRPC_MESSAGE,
  GRPC_STATUS,
  type GrpcMethodStats,
  type GrpcStatsTable,
  grpcFrame,
  grpcMethodOf,
  grpcStatusOf,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  isGrpcResponse,
  TE,
} from '../../../http/index.ts'
import { Base64Decoder, Base64FrameEncoder } from './base64.ts'

const BINARY_TYPES: ReadonlySet<string> = new Set(['application/grpc-web', 'application/grpc-web+proto'])
const TEXT_TYPES: ReadonlySet<string> = new Set(['application/grpc-web-text', 'application/grpc-web-text+proto'])
const ACCEPT_ENCODING = HeaderName.of('grpc-accept-encoding')
const TRAILERS_FLAG = 0x80
const MAX_MESSAGE_BYTES = 16384
const NOTHING = Buffer.alloc(0)

export class GrpcWebFilter extends HttpFilter {
  private readonly table: GrpcStatsTable
  private active = false
  private stats: GrpcMethodStats | null = null
  private decoder: Base64Decoder | null = null
  private encoder: Base64FrameEncoder | null = null
  private textResponse = false
  /** The head of a response that is no gRPC, which waits for its body. */
  private foreign: HeaderMap | null = null

  constructor(table: GrpcStatsTable) {
    super()
    this.table = table
  }

  // ---- request

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const type = headers.get(CONTENT_TYPE)
    if (type === undefined || !(BINARY_TYPES.has(type) || TEXT_TYPES.has(type))) return FilterContinue
    this.active = true
    headers.remove(CONTENT_LENGTH)
    const { upstreamCluster } = this.callbacks.info
    const method = grpcMethodOf(headers.path)
    if (upstreamCluster !== null && method !== null) this.stats = this.table.of(upstreamCluster, method)
    if (TEXT_TYPES.has(type)) this.decoder = new Base64Decoder()
    this.textResponse = TEXT_TYPES.has(headers.get(ACCEPT) ?? '')
    headers.set(CONTENT_TYPE, 'application/grpc')
    headers.set(TE, 'trailers')
    if (!headers.has(ACCEPT_ENCODING)) headers.append(ACCEPT_ENCODING, 'identity')
    return FilterContinue
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { decoder } = this
    if (decoder === null) return FilterContinue
    const bytes = decoder.decode(data, start, end)
    if (bytes === null) return this.reject('grpc_base_64_decode_failed')
    if (endStream && decoder.incomplete) return this.reject('grpc_base_64_decode_failed_bad_size')
    this.callbacks.decoding.replaceData(bytes, 0, bytes.length)
    return FilterContinue
  }

  private reject(details: string): HttpFilterStatus {
    this.callbacks.sendLocalReply(400, 'Bad gRPC-web request, invalid base64 data.', details)
    return FilterStop
  }

  // ---- response

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (!this.active) return FilterContinue
    this.chargeStatus(headers)
    const foreign = !isGrpcResponse(headers, endStream) && !isGrpcWebResponse(headers)
    headers.remove(CONTENT_LENGTH)
    headers.set(CONTENT_TYPE, this.textResponse ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto')
    if (endStream) return FilterContinue
    if (foreign) {
      this.foreign = headers
      return FilterStop
    }
    if (this.textResponse) this.encoder = new Base64FrameEncoder()
    return FilterContinue
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (!this.active) return FilterContinue
    if (this.foreign !== null) return this.collectMessage(data, start, end, endStream)
    if (this.encoder !== null) {
      const text = Buffer.from(this.encoder.encode(data, start, end), 'latin1')
      this.callbacks.encoding.replaceData(text, 0, text.length)
    }
    return FilterContinue
  }

  private collectMessage(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const held = this.callbacks.encoding.held(this)
    if (!endStream) return held !== null && held.length >= MAX_MESSAGE_BYTES ? FilterStop : FilterStopAndBuffer
    held?.append(data, start, end)
    this.setMessage(held?.toBuffer().subarray(0, MAX_MESSAGE_BYTES) ?? data.subarray(start, end))
    held?.clear()
    this.callbacks.encoding.replaceData(NOTHING, 0, 0)
    return FilterContinue
  }

  private setMessage(body: Buffer): void {
    const headers = this.foreign as HeaderMap
    this.foreign = null
    headers.set(GRPC_MESSAGE, encodeGrpcMessage(body.toString('latin1')))
    headers.set(GRPC_STATUS, String(grpcStatusOf(headers.status)))
    headers.set(CONTENT_LENGTH, '0')
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (!this.active) return FilterContinue
    this.chargeStatus(trailers)
    const { encoding } = this.callbacks
    if (this.foreign !== null) {
      const held = encoding.held(this)
      this.setMessage(held?.toBuffer().subarray(0, MAX_MESSAGE_BYTES) ?? NOTHING)
      held?.clear()
      return FilterContinue
    }
    let lines = ''
    trailers.forEach((name, value) => {
      lines += `${name}:${value}\r\n`
    })
    trailers.clear()
    const frame = grpcFrame(Buffer.from(lines, 'latin1'), TRAILERS_FLAG)
    const bytes = this.textResponse ? Buffer.from(frame.toString('base64'), 'latin1') : frame
    encoding.addData(this, bytes, 0, bytes.length)
    return FilterContinue
  }

  private chargeStatus(headers: HeaderMap): void {
    if (this.stats !== null && headers.has(GRPC_STATUS)) this.stats.chargeStatus(headers.get(GRPC_STATUS) as string)
  }
}

/** An upstream that speaks gRPC-Web itself. */
function isGrpcWebResponse(headers: HeaderMap): boolean {
  const type = headers.get(CONTENT_TYPE)?.split(';', 1)[0]?.trimEnd().toLowerCase()
  return headers.status === 200 && type !== undefined && BINARY_TYPES.has(type)
}
