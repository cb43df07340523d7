// HOT FILE (docs/hot-path.md): one call: its request message in, its answer out.
import {
  CONTENT_TYPE,
  encodeGrpcMessage,
  GRPC_FRAME_HEADER_BYTES,
  GRPC_MESSAGE,
  GRPC_STATUS,
  GrpcFrameDecoder,
  HeaderMap,
  hasGrpcContentType,
  PreparedLine,
  type RequestDecoder,
  type ResetReason,
  type ResponseEncoder,
} from '../../../http/index.ts'
import * as Code from './grpc-status.ts'

/** Reads one request message; what it keeps of [start, end) it copies. Answers the call now or later. */
export type GrpcMethod = (message: Buffer, start: number, end: number, call: GrpcCall) => void

/** By path: '/package.Service/Method'. */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>

/** A question about a hundred descriptors has a fifth of that. */
const MAX_MESSAGE_BYTES = 65_536
const HTTP_OK = 200
const HTTP_UNSUPPORTED_MEDIA_TYPE = 415

const CONTENT_TYPE_GRPC = new PreparedLine(CONTENT_TYPE, 'application/grpc')

// Never changed and never released, so that answers need no headers of their own.
const HEAD = HeaderMap.acquire()
HEAD.status = HTTP_OK
HEAD.appendPrepared(CONTENT_TYPE_GRPC)
const OK_TRAILERS = HeaderMap.acquire()
OK_TRAILERS.appendPrepared(new PreparedLine(GRPC_STATUS, String(Code.GRPC_OK)))

/** The connection of a call. */
export interface CallOwner {
  readonly methods: GrpcMethods
  /** Calls whose request is not complete. */
  incompleteCalls: number
  onCallOver(): void
}

/** Told when a call is over that was not answered. */
export interface CallEnd {
  onCancelled(call: GrpcCall): void
}

export class GrpcCall implements RequestDecoder {
  /** The client is gone or the call answered: nothing is sent any more. */
  over = false
  /** Who is to hear of an early end; for calls that stay open. */
  end: CallEnd | null = null
  private readonly encoder: ResponseEncoder
  private readonly owner: CallOwner
  private incomplete = false
  private method: GrpcMethod | null = null
  private headSent = false
  /** Only for a message that does not come in one piece. */
  private decoder: GrpcFrameDecoder | null = null
  private message: Buffer | null = null
  private flags = 0
  private messages = 0

  constructor(encoder: ResponseEncoder, owner: CallOwner) {
    this.encoder = encoder
    this.owner = owner
  }

  // ---- request

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const isGrpc = headers.method === 'POST' && hasGrpcContentType(headers)
    const method = isGrpc ? this.owner.methods.get(headers.path) : undefined
    const path = method === undefined ? headers.path : ''
    HeaderMap.release(headers)
    if (!isGrpc) this.refuseHttp()
    else if (method === undefined) this.fail(Code.GRPC_UNIMPLEMENTED, `unknown method ${path.slice(0, 200)}`)
    else {
      this.method = method
      this.incomplete = true
      this.owner.incompleteCalls++
      if (endStream) this.dispatch()
    }
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    const isWhole =
      endStream &&
      this.decoder === null &&
      end - start >= GRPC_FRAME_HEADER_BYTES &&
      data.readUInt32BE(start + 1) === end - start - GRPC_FRAME_HEADER_BYTES
    if (isWhole && data[start] === 0) {
      this.complete()
      this.method!(data, start + GRPC_FRAME_HEADER_BYTES, end, this)
      return
    }
    this.collect(data, start, end)
    if (endStream && !this.over) this.dispatch()
  }

  decodeTrailers(trailers: HeaderMap): void {
    HeaderMap.release(trailers)
    if (!this.over) this.dispatch()
  }

  private collect(data: Buffer, start: number, end: number): void {
    this.decoder ??= new GrpcFrameDecoder(MAX_MESSAGE_BYTES)
    this.decoder.decode(data, start, end, (flags, message) => {
      this.messages++
      this.flags = flags
      this.message = message
    })
    if (this.decoder.tooLarge) {
      this.fail(Code.GRPC_RESOURCE_EXHAUSTED, `a message is larger than ${MAX_MESSAGE_BYTES} bytes`)
    } else if (this.messages > 1) this.fail(Code.GRPC_UNIMPLEMENTED, 'one message is expected, and more came')
  }

  /** The request is complete. */
  private dispatch(): void {
    const { message } = this
    this.complete()
    if (message === null) this.fail(Code.GRPC_INTERNAL, 'the call ended before its message was complete')
    else if (this.flags !== 0) this.fail(Code.GRPC_UNIMPLEMENTED, 'messages must come uncompressed')
    else this.method!(message, 0, message.length, this)
  }

  private complete(): void {
    if (this.incomplete) this.owner.incompleteCalls--
    this.incomplete = false
  }

  // ---- answer

  /** A whole answer: the frame at [0, length) and status OK. */
  respond(frame: Buffer, length: number): void {
    if (this.over) return
    this.send(frame, length)
    this.encoder.encodeTrailers(OK_TRAILERS)
    this.finish()
  }

  /** One message of a stream of answers. */
  send(frame: Buffer, length: number): void {
    if (this.over) return
    if (!this.headSent) this.encoder.encodeHeaders(HEAD, false)
    this.headSent = true
    this.encoder.encodeData(frame, 0, length, false)
  }

  fail(code: number, message: string): void {
    if (this.over) return
    const headers = HeaderMap.acquire()
    if (!this.headSent) {
      headers.status = HTTP_OK
      headers.appendPrepared(CONTENT_TYPE_GRPC)
    }
    headers.append(GRPC_STATUS, String(code))
    headers.append(GRPC_MESSAGE, encodeGrpcMessage(Buffer.from(message).toString('latin1')))
    if (this.headSent) this.encoder.encodeTrailers(headers)
    else this.encoder.encodeHeaders(headers, true)
    HeaderMap.release(headers)
    this.finish()
  }

  private refuseHttp(): void {
    const headers = HeaderMap.acquire()
    headers.status = HTTP_UNSUPPORTED_MEDIA_TYPE
    this.encoder.encodeHeaders(headers, true)
    HeaderMap.release(headers)
    this.finish()
  }

  // ---- end

  private finish(): void {
    this.over = true
    this.complete()
    this.owner.onCallOver()
  }

  onResetStream(_reason: ResetReason, _detail: string | null): void {
    if (!this.over) this.end?.onCancelled(this)
    this.finish()
  }

  // Answers are small: a client that does not read them is not read from either, see GrpcConnection.
  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}
}
