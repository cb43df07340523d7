// HOT FILE (docs/hot-path.md): a request or response on its way past the processor: what is asked about its parts. What
// waits for an answer is held by the filter chain (headers, buffered bodies, trailers) or in a queue (streamed pieces).
import { Timer, type TimerOwner } from '../../../base/index.ts'
import {
  CONTENT_LENGTH,
  FilterContinue,
  type FilterDirection,
  FilterStop,
  FilterStopAndBuffer,
  FilterStopAndWatermark,
  type HeaderMap,
  type HttpFilter,
  type HttpFilterStatus,
} from '../../../http/index.ts'
import { ChunkQueue } from './chunk-queue.ts'
import type { CommonResponse, TrailersResponse } from './messages.ts'
import {
  BodyBuffered,
  BodyBufferedPartial,
  BodyFullDuplex,
  BodyNone,
  BodyStreamed,
  type ProcessingMode,
  Send,
  Skip,
} from './modes.ts'

/** What is being waited for. */
export const Nothing = 0
export const HeadersAnswer = 1
export const BufferedAnswer = 2
export const StreamedAnswer = 3
export const PartialAnswer = 4
export const TrailersAnswer = 5

export const NO_BYTES = Buffer.alloc(0)

/** What a message asks of its filter. */
export interface MessageOwner extends HttpFilter {
  /** No processor is listening any more. */
  readonly done: boolean
  readonly observes: boolean
  readonly messageTimeoutMs: number
  sendHeaders(message: PassingMessage, headers: HeaderMap, end: boolean): void
  sendBody(message: PassingMessage, body: Buffer, end: boolean): void
  sendTrailers(message: PassingMessage, trailers: HeaderMap): void
  /** Carries the mutation out; details of what is wrong with it, or null. */
  mutate(headers: HeaderMap, response: CommonResponse | TrailersResponse, dropsContentLength: boolean): string | null
  onMutated(message: PassingMessage, response: CommonResponse): void
  onMessageTimeout(): void
  /** The source of this message is paused / goes on. */
  pauseSource(message: PassingMessage): void
  resumeSource(message: PassingMessage): void
  /** Bytes of the processor's go on to the next filter. */
  onInjected(message: PassingMessage, bytes: number): void
}

export abstract class PassingMessage implements TimerOwner {
  readonly isRequest: boolean
  /** The processor knows the attributes. */
  attributesSent = false
  protected readonly owner: MessageOwner
  protected waiting = Nothing
  protected bodyMode = BodyNone
  protected wantsTrailers = false
  /** While they can still be changed. */
  protected headers: HeaderMap | null = null
  protected trailers: HeaderMap | null = null
  /** The end of the body has come. */
  protected complete = false
  protected bodiless = false
  /** The processor has put another body in the place of what comes. */
  protected replaced = false
  /** The first part of a partly buffered body has been looked at; the rest passes. */
  protected partialDone = false
  /** The body is sent as it comes, in full duplex. */
  protected duplex = false
  protected readonly queue = new ChunkQueue()
  private wantsHeaders = true
  private paused = false
  private timeoutOverridden = false
  private readonly timer = new Timer(this, 0)

  constructor(owner: MessageOwner, isRequest: boolean) {
    this.owner = owner
    this.isRequest = isRequest
  }

  setMode(mode: ProcessingMode): void {
    this.wantsHeaders = (this.isRequest ? mode.requestHeaderMode : mode.responseHeaderMode) !== Skip
    this.wantsTrailers = (this.isRequest ? mode.requestTrailerMode : mode.responseTrailerMode) === Send
    this.bodyMode = this.isRequest ? mode.requestBodyMode : mode.responseBodyMode
  }

  get awaitsHeadersAnswer(): boolean {
    return this.waiting === HeadersAnswer
  }

  /** More of its body will go to the processor. */
  get sendsBody(): boolean {
    return !this.complete && this.bodyMode !== BodyNone
  }

  protected get way(): FilterDirection {
    const { callbacks } = this.owner
    return this.isRequest ? callbacks.decoding : callbacks.encoding
  }

  // ---- its parts

  onHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { owner } = this
    this.bodiless = this.complete = endStream
    if (owner.done) return FilterContinue
    if (owner.observes) {
      if (this.wantsHeaders) owner.sendHeaders(this, headers, endStream)
      return FilterContinue
    }
    if (!this.wantsHeaders) {
      // They go on now, and how long the body becomes is not known yet.
      if (!endStream && this.bodyMode !== BodyNone) headers.remove(CONTENT_LENGTH)
      return FilterContinue
    }
    this.headers = headers
    this.await(HeadersAnswer)
    owner.sendHeaders(this, headers, endStream)
    return this.stopUnlessDone(FilterStop)
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { owner } = this
    if (endStream) this.complete = true
    if (this.replaced) {
      this.way.replaceData(NO_BYTES, 0, 0)
      return FilterContinue
    }
    if (owner.done) return FilterContinue
    if (owner.observes) {
      if (this.bodyMode === BodyStreamed) owner.sendBody(this, data.subarray(start, end), endStream)
      return FilterContinue
    }
    if (this.bodyMode === BodyFullDuplex) {
      // The processor has it now, and gives back what it likes.
      this.duplex = true
      owner.sendBody(this, data.subarray(start, end), endStream)
      return this.stopUnlessDone(FilterStop)
    }
    if (this.waiting === HeadersAnswer) {
      return this.bodyMode === BodyBuffered ? FilterStopAndBuffer : FilterStopAndWatermark
    }
    switch (this.bodyMode) {
      case BodyBuffered:
        return this.onBufferedData(data, start, end, endStream)
      case BodyStreamed:
        return this.onStreamedData(data, start, end, endStream)
      case BodyBufferedPartial:
        return this.partialDone ? FilterContinue : this.onPartialData(data, start, end, endStream)
      default:
        if (this.queue.length === 0) return FilterContinue
        // The mode has been changed on the way: these bytes come behind those that are still looked at.
        this.enqueue(data, start, end, endStream, false)
        return FilterStop
    }
  }

  private onBufferedData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (!endStream) return FilterStopAndBuffer
    const held = this.way.held(this.owner)
    const last = data.subarray(start, end)
    this.askAboutBody(held === null ? last : Buffer.concat([held.toBuffer(), last]))
    return this.stopUnlessDone(FilterStopAndBuffer)
  }

  private onStreamedData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const piece = this.enqueue(data, start, end, endStream, true)
    this.await(StreamedAnswer)
    this.owner.sendBody(this, piece, endStream)
    return FilterStop
  }

  private onPartialData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    this.enqueue(data, start, end, endStream, false)
    if (this.waiting !== PartialAnswer && (endStream || this.isOverLimit(this.queue.bytes))) this.askAboutPart()
    return FilterStop
  }

  onTrailers(trailers: HeaderMap): HttpFilterStatus {
    const { owner } = this
    if (owner.done) return FilterContinue
    if (owner.observes) {
      if (this.wantsTrailers) owner.sendTrailers(this, trailers)
      return FilterContinue
    }
    const bodyKnown = this.complete
    this.complete = true
    this.trailers = trailers
    if (this.bodyMode === BodyFullDuplex) {
      this.duplex = true
      if (this.waiting === Nothing) this.waiting = TrailersAnswer
      owner.sendTrailers(this, trailers)
    } else if (this.waiting === Nothing) {
      if (!bodyKnown && this.bodyMode === BodyBuffered) this.askAboutBody(this.way.held(owner)?.toBuffer() ?? NO_BYTES)
      else if (this.bodyMode === BodyBufferedPartial && this.queue.length > 0) this.askAboutPart()
      else if (this.wantsTrailers) this.askAboutTrailers(trailers)
      else return FilterContinue
    }
    return this.stopUnlessDone(FilterStop)
  }

  /** The processor may have been lost while it was asked: then everything passes. */
  private stopUnlessDone(status: HttpFilterStatus): HttpFilterStatus {
    return this.owner.done ? FilterContinue : status
  }

  // ---- what is asked

  protected askAboutBody(body: Buffer): void {
    this.await(BufferedAnswer)
    this.owner.sendBody(this, body, this.trailers === null)
  }

  protected askAboutPart(): void {
    const { data, end } = this.queue.join()
    this.await(PartialAnswer)
    this.owner.sendBody(this, data, end && this.trailers === null)
  }

  protected askAboutTrailers(trailers: HeaderMap): void {
    this.await(TrailersAnswer)
    this.owner.sendTrailers(this, trailers)
  }

  protected await(answer: number): void {
    this.waiting = answer
    this.timeoutOverridden = false
    this.owner.callbacks.thread.timers.arm(this.timer, this.owner.messageTimeoutMs)
  }

  protected answered(): void {
    this.waiting = Nothing
    this.stopTimer()
  }

  stopTimer(): void {
    this.owner.callbacks.thread.timers.disarm(this.timer)
  }

  /** The processor wants more time; once per message. */
  overrideTimeout(timeoutMs: number): boolean {
    if (!this.timer.armed || this.timeoutOverridden) return false
    this.timeoutOverridden = true
    this.owner.callbacks.thread.timers.arm(this.timer, timeoutMs)
    return true
  }

  /** Its answers are not being read: the time starts again. */
  restartTimer(): void {
    if (this.waiting !== Nothing) this.owner.callbacks.thread.timers.arm(this.timer, this.owner.messageTimeoutMs)
  }

  onTimer(): void {
    this.owner.onMessageTimeout()
  }

  // ---- pieces that wait

  protected isOverLimit(bytes: number): boolean {
    return bytes > this.owner.callbacks.bufferLimitBytes
  }

  protected enqueue(data: Buffer, start: number, end: number, last: boolean, sent: boolean): Buffer {
    const copy = this.queue.push(data, start, end, last, sent)
    if (!this.paused && this.isOverLimit(this.queue.bytes)) {
      this.paused = true
      this.owner.pauseSource(this)
    }
    return copy
  }

  protected resumeWhenLow(): void {
    if (!this.paused || this.queue.bytes > this.owner.callbacks.bufferLimitBytes / 2) return
    this.paused = false
    this.owner.resumeSource(this)
  }
}
