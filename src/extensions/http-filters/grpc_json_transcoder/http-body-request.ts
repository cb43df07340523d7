// google.api.HttpBody as a request, or inside one: the body goes up as it is, in an envelope.
import { BodyBuffer, GRPC_FRAME_HEADER_BYTES, writeGrpcFrameHeader } from '../../../http/index.ts'
import type { MethodBinding } from './method-table.ts'
import { protobuf } from './protobuf.ts'
import type { MessageWriter, RequestTranslator } from './request-translator.ts'

const CONTENT_TYPE = 1
const DATA = 2
const EXTENSIONS = 3
const LENGTH_DELIMITED = 2
/** Pieces of a stream stay below the four MiB that gRPC servers take by default. */
const MAX_PIECE_BYTES = 1024 * 1024
const NO_FRAMES: readonly Buffer[] = []

const UNKNOWN_PARAMETERS =
  'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.UnknownQueryParams'

export class HttpBodyTranslator implements RequestTranslator {
  private readonly binding: MethodBinding
  private readonly writer: MessageWriter
  private readonly unknown: readonly (readonly [name: string, value: string])[]
  private readonly body = new BodyBuffer()
  private contentType: string
  private begun = false
  private readonly maxBytes: number

  constructor(
    binding: MethodBinding,
    writer: MessageWriter,
    contentType: string,
    unknown: readonly (readonly [name: string, value: string])[],
    maxBytes: number,
  ) {
    this.binding = binding
    this.writer = writer
    this.contentType = contentType
    this.unknown = unknown
    this.maxBytes = maxBytes
  }

  get error(): string | null {
    return this.writer.error
  }

  get bytesHeld(): number {
    return this.body.length
  }

  get tooLarge(): boolean {
    return this.body.length > this.maxBytes
  }

  write(data: Buffer, start: number, end: number): readonly Buffer[] {
    this.body.append(data, start, end)
    return this.binding.clientStreams && this.body.length >= MAX_PIECE_BYTES ? this.flush() : NO_FRAMES
  }

  finish(): readonly Buffer[] {
    return this.begun && this.body.length === 0 ? NO_FRAMES : this.flush()
  }

  private flush(): readonly Buffer[] {
    const body = this.body.toBuffer()
    this.body.clear()
    const frames: Buffer[] = []
    const step = this.binding.clientStreams ? MAX_PIECE_BYTES : Math.max(body.length, 1)
    for (let at = 0; at < body.length || frames.length === 0; at += step) {
      const frame = this.frame(body.subarray(at, at + step))
      if (frame === null) return NO_FRAMES
      frames.push(frame)
    }
    return frames
  }

  private frame(data: Buffer): Buffer | null {
    const { wire } = protobuf()
    // Path and query are in the first message.
    const rest = this.begun ? new Uint8Array(0) : this.writer.message('')
    if (rest === null) return null
    const head = new wire.BinaryWriter()
    if (this.contentType !== '') head.tag(CONTENT_TYPE, LENGTH_DELIMITED).string(this.contentType)
    if (!this.begun && this.unknown.length > 0) head.tag(EXTENSIONS, LENGTH_DELIMITED).bytes(this.captured())
    head.tag(DATA, LENGTH_DELIMITED).uint32(data.length)
    this.begun = true
    this.contentType = ''
    let envelope = Buffer.from(head.finish())
    for (const field of this.binding.bodyPath.toReversed()) {
      const outer = new wire.BinaryWriter().tag(field.number, LENGTH_DELIMITED).uint32(envelope.length + data.length)
      envelope = Buffer.concat([outer.finish(), envelope])
    }
    const header = Buffer.alloc(GRPC_FRAME_HEADER_BYTES)
    writeGrpcFrameHeader(header, 0, rest.length + envelope.length + data.length)
    return Buffer.concat([header, rest, envelope, data])
  }

  /** A google.protobuf.Any of UnknownQueryParams: name -> values. */
  private captured(): Uint8Array {
    const { wire } = protobuf()
    const params = new wire.BinaryWriter()
    for (const [name, values] of Map.groupBy(this.unknown, ([one]) => one)) {
      const list = new wire.BinaryWriter()
      for (const [, value] of values) list.tag(1, LENGTH_DELIMITED).string(value)
      const entry = new wire.BinaryWriter().tag(1, LENGTH_DELIMITED).string(name).tag(2, LENGTH_DELIMITED)
      params.tag(1, LENGTH_DELIMITED).bytes(entry.bytes(list.finish()).finish())
    }
    const any = new wire.BinaryWriter().tag(1, LENGTH_DELIMITED).string(UNKNOWN_PARAMETERS)
    return any.tag(2, LENGTH_DELIMITED).bytes(params.finish()).finish()
  }
}
