// The request's body, as JSON, to gRPC frames.
import type { JsonObject, JsonValue, Registry } from '@bufbuild/protobuf'
import { BodyBuffer, grpcFrame } from '../../../http/index.ts'
import { isObject, parseJson } from './json.ts'
import { JsonArraySplitter } from './json-array.ts'
import type { MethodBinding } from './method-table.ts'
import { protobuf } from './protobuf.ts'
import { settleEnums } from './settle-enums.ts'
import { type ResolvedBinding, type WeaveOptions, weave } from './weave.ts'

export interface RequestTranslator {
  /** What is wrong with the body; null: nothing yet. */
  readonly error: string | null
  /** Bytes of the body that are not translated yet. */
  readonly bytesHeld: number
  /** A message is longer than allowed. */
  readonly tooLarge: boolean
  /** Frames that are complete with these bytes. */
  write(data: Buffer, start: number, end: number): readonly Buffer[]
  /** The body has ended: the last frames. */
  finish(): readonly Buffer[]
}

const NO_FRAMES: readonly Buffer[] = []

/** Makes frames of single messages. */
export class MessageWriter {
  private readonly binding: MethodBinding
  private readonly registry: Registry
  private readonly options: WeaveOptions
  private bindings: readonly ResolvedBinding[]
  error: string | null = null

  constructor(binding: MethodBinding, registry: Registry, bindings: readonly ResolvedBinding[], options: WeaveOptions) {
    this.binding = binding
    this.registry = registry
    this.bindings = bindings
    this.options = options
  }

  /** The message in binary; null: see `error`. Path and query belong to the first message. */
  message(text: string): Uint8Array | null {
    const { input } = this.binding.method
    try {
      const root = text.trim() === '' ? {} : this.place(parseJson(text))
      if (root === null) return this.fail(': Root element must be a message.')
      const wrong =
        weave(root, this.bindings, this.options) ?? settleEnums(input, root, this.options.caseInsensitiveEnums)
      if (wrong !== null) return this.fail(wrong)
      this.bindings = []
      const { core } = protobuf()
      const message = core.fromJson(input, root, { ignoreUnknownFields: true, registry: this.registry })
      return core.toBinary(input, message)
    } catch (error) {
      return this.fail(error instanceof Error ? error.message : String(error))
    }
  }

  private fail(problem: string): null {
    this.error = problem
    return null
  }

  /** The body at its place in the request; null: it is no object where it must be one. */
  private place(body: JsonValue): JsonObject | null {
    let placed = body
    for (const field of this.binding.bodyPath.toReversed()) placed = { [field.jsonName]: placed }
    return isObject(placed) ? placed : null
  }
}

/** The whole body is one message. */
export class UnaryTranslator implements RequestTranslator {
  private readonly writer: MessageWriter
  private readonly maxBytes: number
  private readonly body = new BodyBuffer()

  constructor(writer: MessageWriter, maxBytes: number) {
    this.writer = writer
    this.maxBytes = maxBytes
  }

  get tooLarge(): boolean {
    return this.body.length > this.maxBytes
  }

  get error(): string | null {
    return this.writer.error
  }

  get bytesHeld(): number {
    return this.body.length
  }

  write(data: Buffer, start: number, end: number): readonly Buffer[] {
    this.body.append(data, start, end)
    return NO_FRAMES
  }

  finish(): readonly Buffer[] {
    const message = this.writer.message(this.body.toBuffer().toString('utf8'))
    this.body.clear()
    return message === null ? NO_FRAMES : [grpcFrame(message)]
  }
}

/** The body is an array of messages, each sent as soon as it is there. */
export class StreamTranslator implements RequestTranslator {
  private readonly writer: MessageWriter
  private readonly splitter = new JsonArraySplitter()
  private frames: Buffer[] = []
  private missing: string | null = null
  private readonly maxBytes: number
  tooLarge = false

  constructor(writer: MessageWriter, maxBytes: number) {
    this.writer = writer
    this.maxBytes = maxBytes
  }

  get error(): string | null {
    return this.missing ?? this.writer.error ?? this.splitter.error
  }

  get bytesHeld(): number {
    return this.splitter.bytesHeld
  }

  write(data: Buffer, start: number, end: number): readonly Buffer[] {
    this.frames = []
    this.splitter.write(data, start, end, text => {
      if (this.error !== null) return
      if (text.length > this.maxBytes) this.tooLarge = true
      if (text.trim() === '') this.missing = 'Unexpected token. Expected a value.'
      const message = this.missing === null ? this.writer.message(text) : null
      if (message !== null) this.frames.push(grpcFrame(message))
    })
    if (this.splitter.bytesHeld > this.maxBytes) this.tooLarge = true
    return this.frames
  }

  finish(): readonly Buffer[] {
    this.splitter.finish()
    return NO_FRAMES
  }
}
