// gRPC frames of a response to the bytes of its body.
import { GrpcFrameDecoder } from '../../../http/index.ts'
import { type HttpBody, readHttpBody } from './http-body-response.ts'
import type { MethodBinding } from './method-table.ts'
import type { ResponsePrinter } from './response-printer.ts'
import type { TranscoderSettings } from './settings.ts'

const COMPRESSED = 1
const NOTHING = Buffer.alloc(0)

export class ResponseTranslator {
  private readonly binding: MethodBinding
  private readonly printer: ResponsePrinter
  private readonly style: TranscoderSettings['streamStyle']
  private readonly decoder: GrpcFrameDecoder
  private messages = 0
  private readonly out: Buffer[] = []
  /** What is wrong with the messages; null: nothing yet. */
  error: string | null = null
  /** A message is longer than allowed. */
  get tooLarge(): boolean {
    return this.decoder.tooLarge
  }
  /** The content type of the first HttpBody. */
  contentType: string | null = null

  constructor(binding: MethodBinding, printer: ResponsePrinter, settings: TranscoderSettings, maxBytes: number) {
    this.binding = binding
    this.printer = printer
    this.style = settings.streamStyle
    this.decoder = new GrpcFrameDecoder(maxBytes)
  }

  /** Bytes of messages that are not complete. */
  get bytesHeld(): number {
    return this.decoder.bytesHeld
  }

  /** What of the body is ready with these bytes. */
  write(data: Buffer, start: number, end: number): Buffer {
    this.decoder.decode(data, start, end, (flags, message) => this.take(flags, message))
    return this.drain()
  }

  private drain(): Buffer {
    const { out } = this
    const bytes = out.length === 0 ? NOTHING : out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out)
    out.length = 0
    return bytes
  }

  private take(flags: number, message: Buffer): void {
    const { serverStreams, responseIsHttpBody } = this.binding
    // A unary call has one message; more are not its answer.
    if (this.error !== null || (!serverStreams && this.messages > 0)) return
    if ((flags & COMPRESSED) !== 0) {
      this.error = 'the message is compressed'
      return
    }
    try {
      // An empty message says nothing of its type.
      if (responseIsHttpBody && message.length > 0) this.takeBody(readHttpBody(message, this.binding.responsePath))
      else if (responseIsHttpBody) return
      else this.out.push(Buffer.from(this.framed(this.printer.message(this.binding, message))))
      this.messages++
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error)
    }
  }

  private takeBody({ contentType, data }: HttpBody): void {
    this.contentType ??= contentType
    if (data.length > 0) this.out.push(Buffer.from(data))
  }

  private framed(text: string): string {
    if (!this.binding.serverStreams) return text
    if (this.style === 'lines') return `${text}\n`
    if (this.style === 'events') return `data: ${text}\n\n`
    return this.messages === 0 ? `[${text}` : `,${text}`
  }

  /** What ends the body. */
  finish(): Buffer {
    const { serverStreams, responseIsHttpBody } = this.binding
    if (!serverStreams || responseIsHttpBody || this.style !== 'array') return NOTHING
    return Buffer.from(this.messages === 0 ? '[]' : ']')
  }
}
