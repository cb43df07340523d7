// HOT FILE (docs/hot-path.md): a request or response on its way past the processor: what becomes of it by the answers.
import { CONTENT_LENGTH } from '../../../http/index.ts'
import type { Chunk } from './chunk-queue.ts'
import { type BodyMutation, type CommonResponse, ContinueAndReplace, type TrailersResponse } from './messages.ts'
import { BodyBuffered, BodyBufferedPartial, BodyFullDuplex, BodyNone, BodyStreamed } from './modes.ts'
import {
  BufferedAnswer,
  HeadersAnswer,
  NO_BYTES,
  Nothing,
  PartialAnswer,
  PassingMessage,
  StreamedAnswer,
  TrailersAnswer,
} from './passing-message.ts'

/** Why an answer could not be followed. */
export interface Problem {
  /** Nobody asked for it. */
  readonly spurious: boolean
  readonly details: string
}

const SPURIOUS: Problem = { spurious: true, details: 'spurious message' }
const NO_STREAMED_RESPONSE: Problem = {
  spurious: true,
  details: 'spurious message: Normal body mutation response is received while body mode  is FULL_DUPLEX_STREAMED',
}
const LENGTH_MISMATCH = 'mismatch between content length and the length of the mutated body'

const failed = (details: string | null): Problem | null => (details === null ? null : { spurious: false, details })

export class Direction extends PassingMessage {
  /** The processor has said where a full duplex body ends. */
  private ended = false

  onHeadersAnswer(response: CommonResponse): Problem | null {
    const { owner, headers } = this
    if (this.waiting !== HeadersAnswer || headers === null) return SPURIOUS
    const problem = owner.mutate(headers, response, true)
    if (problem !== null) return failed(problem)
    owner.onMutated(this, response)
    this.answered()
    if (response.status === ContinueAndReplace) {
      this.replace(response.bodyMutation)
      return null
    }
    if (this.bodiless || this.bodyMode === BodyNone) this.passHeaders()
    else if (this.bodyMode === BodyFullDuplex) this.beginDuplex()
    else if (this.complete) this.askAboutHeld()
    else if (this.bodyMode === BodyStreamed) this.beginStream()
    else if (this.bodyMode === BodyBufferedPartial) this.beginPart()
    else this.checkHeld()
    return null
  }

  private replace(mutation: BodyMutation | undefined): void {
    if (mutation !== undefined) {
      this.headers?.remove(CONTENT_LENGTH)
      this.replaced = true
      this.setHeld(bodyOf(mutation, NO_BYTES))
    }
    this.bodyMode = BodyNone
    this.wantsTrailers = false
    this.letGo()
  }

  private setHeld(body: Buffer): void {
    const held = this.way.held(this.owner)
    if (held === null) {
      this.way.addData(this.owner, body, 0, body.length)
      return
    }
    held.clear()
    held.append(body, 0, body.length)
  }

  private passHeaders(): void {
    if (this.wantsTrailers && this.trailers !== null) this.askAboutTrailers(this.trailers)
    else this.letGo()
  }

  /** The body came before the answer: the processor gets it whole, and headers can still change. */
  private askAboutHeld(): void {
    if (this.bodyMode !== BodyBuffered) this.headers?.remove(CONTENT_LENGTH)
    this.askAboutBody(this.way.held(this.owner)?.toBuffer() ?? NO_BYTES)
  }

  private beginDuplex(): void {
    const { owner, trailers } = this
    this.headers?.remove(CONTENT_LENGTH)
    this.headers = null
    if (trailers !== null) this.waiting = TrailersAnswer
    if (!this.duplex) this.sendHeld()
    // The end of what came is not the end of what goes on: it is not let go, it is followed.
    if (!owner.done) this.way.injectData(owner, NO_BYTES, 0, 0, false)
  }

  /** The mode is a new one: what came before it was kept. */
  private sendHeld(): void {
    const { owner, trailers } = this
    const body = this.takeHeld()
    if (body.length > 0 || this.complete) owner.sendBody(this, body, this.complete && trailers === null)
    if (trailers !== null && !owner.done) owner.sendTrailers(this, trailers)
  }

  private beginStream(): void {
    this.headers?.remove(CONTENT_LENGTH)
    const body = this.takeHeld()
    if (body.length > 0) {
      this.enqueue(body, 0, body.length, false, true)
      this.await(StreamedAnswer)
      this.owner.sendBody(this, body, false)
      if (this.owner.done) return
    }
    this.letGo()
  }

  private beginPart(): void {
    this.headers?.remove(CONTENT_LENGTH)
    const body = this.takeHeld()
    if (body.length > 0) this.enqueue(body, 0, body.length, false, false)
    if (this.isOverLimit(body.length)) this.askAboutPart()
    else this.letGo()
  }

  private takeHeld(): Buffer {
    const held = this.way.held(this.owner)
    if (held === null) return NO_BYTES
    const body = held.toBuffer()
    held.clear()
    return body
  }

  /** Before the mode was known to be this one, the source was paused at the limit: more would not come. */
  private checkHeld(): void {
    if (!this.isOverLimit(this.way.held(this.owner)?.length ?? 0)) return
    const [status, details] = this.isRequest ? [413, 'request_payload_too_large'] : [500, 'response_payload_too_large']
    this.owner.callbacks.sendLocalReply(status as number, '', details as string)
  }

  onBodyAnswer(response: CommonResponse): Problem | null {
    if (this.bodyMode === BodyFullDuplex && this.waiting !== HeadersAnswer) return this.onDuplexAnswer(response)
    switch (this.waiting) {
      case BufferedAnswer:
        return this.onBufferedAnswer(response)
      case StreamedAnswer:
        return this.onStreamedAnswer(response)
      case PartialAnswer:
        return this.onPartialAnswer(response)
      default:
        return SPURIOUS
    }
  }

  private onBufferedAnswer(response: CommonResponse): Problem | null {
    const { headers, owner } = this
    if (headers !== null) {
      const problem = owner.mutate(headers, response, this.bodyMode !== BodyBuffered)
      if (problem !== null) return failed(problem)
      owner.onMutated(this, response)
    }
    this.answered()
    const { bodyMutation } = response
    const before = this.way.held(owner)?.toBuffer() ?? NO_BYTES
    const body = bodyMutation === undefined ? before : bodyOf(bodyMutation, before)
    const length = headers?.get(CONTENT_LENGTH)
    if (length !== undefined && Number(length) !== body.length) return failed(LENGTH_MISMATCH)
    if (body !== before) this.setHeld(body)
    this.passHeaders()
    return null
  }

  private onStreamedAnswer(response: CommonResponse): Problem | null {
    const { queue } = this
    const chunk = queue.shift() as Chunk
    this.inject(response.bodyMutation === undefined ? chunk.data : bodyOf(response.bodyMutation, chunk.data), chunk.end)
    this.passUnsent()
    if (queue.length === 0) this.answered()
    else this.await(StreamedAnswer)
    this.resumeWhenLow()
    if (queue.length === 0 && this.trailers !== null) this.passHeaders()
    return null
  }

  /** Pieces that the processor was not asked about go on behind those it was. */
  private passUnsent(): void {
    for (let next = this.queue.first; next !== undefined && !next.sent; next = this.queue.first) {
      this.queue.shift()
      this.inject(next.data, next.end)
    }
  }

  private onPartialAnswer(response: CommonResponse): Problem | null {
    const { headers, owner, queue } = this
    if (headers !== null) {
      const problem = owner.mutate(headers, response, true)
      if (problem !== null) return failed(problem)
      owner.onMutated(this, response)
    }
    this.answered()
    this.partialDone = true
    const chunk = queue.shift() as Chunk
    this.inject(response.bodyMutation === undefined ? chunk.data : bodyOf(response.bodyMutation, chunk.data), chunk.end)
    this.passUnsent()
    this.resumeWhenLow()
    this.passHeaders()
    return null
  }

  private onDuplexAnswer({ bodyMutation }: CommonResponse): Problem | null {
    if (this.ended) return SPURIOUS
    if (bodyMutation?.mutation.case !== 'streamedResponse') return NO_STREAMED_RESPONSE
    const { body, endOfStream } = bodyMutation.mutation.value
    this.ended = endOfStream
    this.inject(asBuffer(body), endOfStream)
    return null
  }

  onTrailersAnswer(response: TrailersResponse): Problem | null {
    const { trailers } = this
    if (this.waiting !== TrailersAnswer || trailers === null) return SPURIOUS
    const problem = this.owner.mutate(trailers, response, false)
    if (problem !== null) return failed(problem)
    this.answered()
    this.letGo()
    return null
  }

  /** Nothing more is asked, nothing more is awaited: everything goes on as it came. */
  abandon(): void {
    this.stopTimer()
    this.waiting = Nothing
    for (let chunk = this.queue.shift(); chunk !== undefined; chunk = this.queue.shift()) {
      this.inject(chunk.data, chunk.end)
    }
    this.resumeWhenLow()
    this.letGo()
  }

  private inject(body: Buffer, end: boolean): void {
    const { owner } = this
    this.headers = null
    owner.onInjected(this, body.length)
    this.way.injectData(owner, body, 0, body.length, end && this.trailers === null)
  }

  /** What the chain holds for this filter goes on. */
  private letGo(): void {
    const { owner } = this
    this.headers = null
    if (this.isRequest) owner.callbacks.continueDecoding(owner)
    else owner.callbacks.continueEncoding(owner)
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

function bodyOf({ mutation }: BodyMutation, before: Buffer): Buffer {
  if (mutation.case === 'body') return asBuffer(mutation.value)
  return mutation.case === 'clearBody' && mutation.value ? NO_BYTES : before
}
