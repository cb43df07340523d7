// One request beside which an external processor listens, and the gRPC stream to it.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import { setDynamicMetadata } from '../../../observability/index.ts'
import { GrpcStream, type GrpcStreamCallbacks, grpcCallSpan, type UpstreamThread } from '../../../upstream/index.ts'
import { attributesMessage } from './attributes.ts'
import { DeferredClose } from './deferred-close.ts'
import { Direction, type Problem } from './direction.ts'
import type { CommonResponse, ImmediateResponse, ProcessingResponse, TrailersResponse } from './messages.ts'
import { ContinueAndReplace } from './messages.ts'
import type { ProcessingMode } from './modes.ts'
import { headersMessage, mutateHeaders } from './mutate-headers.ts'
import type { MessageOwner, PassingMessage } from './passing-message.ts'
import type { ExtProcPlan, RequestPlan } from './plan.ts'
import * as S from './stats.ts'

const ERROR = 'ext_proc_error'
const OK = 200
const GATEWAY_TIMEOUT = 504
const GRPC_INTERNAL = 13
const NOTHING: CommonResponse = {
  status: 0,
  headerMutation: undefined,
  bodyMutation: undefined,
  clearRouteCache: false,
}

export class ExtProc extends HttpFilter implements MessageOwner, GrpcStreamCallbacks {
  done = false
  private readonly plan: ExtProcPlan
  private readonly request: Direction
  private readonly response: Direction
  private settings!: RequestPlan
  private stream: GrpcStream | null = null
  /** Something has been sent. */
  private begun = false
  /** Sources that wait until the stream takes more. */
  private requestHeld = false
  private responseHeld = false
  /** This filter's own pauses are no news to it. */
  private pausing = false
  private requestSinkHolds = 0
  private responseSinkHolds = 0
  private bytesAhead = 0
  private deaf = false

  constructor(plan: ExtProcPlan) {
    super()
    this.plan = plan
    this.request = new Direction(this, true)
    this.response = new Direction(this, false)
  }

  get observes(): boolean {
    return this.plan.observes
  }

  get messageTimeoutMs(): number {
    return this.plan.messageTimeoutMs
  }

  // ---- the message's parts

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    this.settings = this.plan.forRoute(this.routePlans())
    if (this.settings.disabled) {
      this.done = true
      return FilterContinue
    }
    this.setMode(this.settings.mode)
    return this.request.onHeaders(headers, endStream)
  }

  private setMode(mode: ProcessingMode): void {
    this.request.setMode(mode)
    this.response.setMode(mode)
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.request.onData(data, start, end, endStream)
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    return this.request.onTrailers(trailers)
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    // An answer of a filter in front of this one, which has never heard of the request.
    if (this.settings === undefined) return FilterContinue
    return this.response.onHeaders(headers, endStream)
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.settings === undefined ? FilterContinue : this.response.onData(data, start, end, endStream)
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    return this.settings === undefined ? FilterContinue : this.response.onTrailers(trailers)
  }

  // ---- to the processor

  sendHeaders(message: PassingMessage, headers: HeaderMap, end: boolean): void {
    const value = { headers: headersMessage(headers, this.plan.sends), endOfStream: end }
    this.send(message, { case: message.isRequest ? 'requestHeaders' : 'responseHeaders', value })
  }

  sendBody(message: PassingMessage, body: Buffer, end: boolean): void {
    const value = { body, endOfStream: end }
    this.send(message, { case: message.isRequest ? 'requestBody' : 'responseBody', value })
  }

  sendTrailers(message: PassingMessage, trailers: HeaderMap): void {
    const value = { trailers: headersMessage(trailers, this.plan.sends) }
    this.send(message, { case: message.isRequest ? 'requestTrailers' : 'responseTrailers', value })
  }

  private send(message: PassingMessage, request: object): void {
    const { plan, settings } = this
    if (this.stream === null) this.open()
    const bytes = plan.codecs().request.encode({
      request,
      metadataContext: { filterMetadata: this.forwardedMetadata() },
      attributes: this.attributes(message),
      observabilityMode: plan.observes,
      ...(this.begun || plan.observes ? {} : { protocolConfig: protocolConfig(settings.mode) }),
    })
    this.begun = true
    plan.stats.cells[S.MSGS_SENT]! += 1
    // Opening it may have failed at once.
    if (!this.done) this.stream?.send(bytes)
  }

  private open(): void {
    const { plan, settings, callbacks } = this
    plan.stats.cells[S.STREAMS_STARTED]! += 1
    const { info, thread } = callbacks
    const span = plan.emitsSpan ? grpcCallSpan(info, thread, settings.service.path) : null
    const stream = GrpcStream.open((thread as UpstreamThread).asyncClient, settings.service, this, span)
    if (!stream.closed) this.stream = stream
  }

  private forwardedMetadata(): Record<string, object> {
    const { dynamicMetadata } = this.callbacks.info
    const forwarded: Record<string, object> = {}
    for (const namespace of this.settings.metadata.forwarded) {
      const fields = dynamicMetadata?.get(namespace)
      if (fields !== undefined) forwarded[namespace] = fields
    }
    return forwarded
  }

  private attributes(message: PassingMessage): object {
    const names = message.isRequest ? this.plan.requestAttributes : this.plan.responseAttributes
    if (message.attributesSent || names.length === 0) return {}
    message.attributesSent = true
    return attributesMessage(names, this.callbacks)
  }

  // ---- from the processor

  onGrpcMessage(bytes: Buffer): void {
    // Who only observes has nothing to say.
    if (this.done || this.plan.observes) return
    const response = this.plan.codecs().response.decode(bytes) as ProcessingResponse | null
    if (response === null) {
      this.stream?.cancel()
      this.onGrpcClose(GRPC_INTERNAL, '', '')
      return
    }
    const { overrideMessageTimeout, dynamicMetadata, modeOverride } = response
    if (overrideMessageTimeout !== undefined) {
      this.overrideTimeout(Number(overrideMessageTimeout.seconds) * 1000 + overrideMessageTimeout.nanos / 1e6)
      return
    }
    if (dynamicMetadata !== undefined) this.takeMetadata(dynamicMetadata)
    if (modeOverride !== undefined && this.mayOverride(response, modeOverride)) this.setMode(modeOverride)
    const { cells } = this.plan.stats
    const problem = this.follow(response)
    if (problem?.spurious !== true) cells[S.MSGS_RECEIVED]! += 1
    if (problem !== null) this.onProblem(problem)
  }

  private overrideTimeout(timeoutMs: number): void {
    const allowed = timeoutMs >= 1 && timeoutMs <= this.plan.maxMessageTimeoutMs
    const taken = allowed && (this.request.overrideTimeout(timeoutMs) || this.response.overrideTimeout(timeoutMs))
    this.plan.stats.cells[taken ? S.TIMEOUT_RECEIVED : S.TIMEOUT_IGNORED]! += 1
  }

  private takeMetadata(metadata: Readonly<Record<string, unknown>>): void {
    for (const namespace of this.settings.metadata.received) {
      const fields = metadata[namespace]
      if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) continue
      setDynamicMetadata(this.callbacks.info, namespace, fields as Record<string, unknown>)
    }
  }

  /** Only what answers headers comes early enough to change what follows. */
  private mayOverride({ response }: ProcessingResponse, mode: ProcessingMode): boolean {
    const answersHeaders =
      (response.case === 'requestHeaders' && this.request.awaitsHeadersAnswer) ||
      (response.case === 'responseHeaders' && this.response.awaitsHeadersAnswer)
    return answersHeaders && this.plan.mayOverride(mode)
  }

  private follow({ response }: ProcessingResponse): Problem | null {
    switch (response.case) {
      case 'requestHeaders':
        return this.request.onHeadersAnswer(response.value.response ?? NOTHING)
      case 'responseHeaders':
        return this.response.onHeadersAnswer(response.value.response ?? NOTHING)
      case 'requestBody':
        return this.request.onBodyAnswer(response.value.response ?? NOTHING)
      case 'responseBody':
        return this.response.onBodyAnswer(response.value.response ?? NOTHING)
      case 'requestTrailers':
        return this.request.onTrailersAnswer(response.value)
      case 'responseTrailers':
        return this.response.onTrailersAnswer(response.value)
      case 'immediateResponse':
        return this.answerAtOnce(response.value)
      default:
        return { spurious: true, details: 'unhandled message' }
    }
  }

  private onProblem({ spurious, details }: Problem): void {
    const { cells } = this.plan.stats
    if (spurious) cells[S.SPURIOUS_MSGS]! += 1
    this.closeStream()
    if (spurious && this.settings.failureModeAllow) {
      cells[S.FAILURE_MODE_ALLOWED]! += 1
      this.abandon()
    } else this.refuse(this.plan.statusOnError, details)
  }

  mutate(headers: HeaderMap, response: CommonResponse | TrailersResponse, dropsContentLength: boolean): string | null {
    const { headerMutation } = response
    if (headerMutation === undefined) return null
    const replacing = 'status' in response && response.status === ContinueAndReplace
    const { rejected, problem } = mutateHeaders(headers, headerMutation, {
      rules: this.plan.rules,
      replacing,
      dropsContentLength,
      keepsStatus: false,
    })
    this.plan.stats.cells[S.REJECTED_MUTATIONS]! += rejected
    return problem
  }

  onMutated(message: PassingMessage, { headerMutation, clearRouteCache }: CommonResponse): void {
    if (!message.isRequest) return
    const { cells } = this.plan.stats
    const { routeCacheAction } = this.plan
    if (headerMutation === undefined) {
      if (clearRouteCache) cells[S.ROUTE_CACHE_IGNORED]! += 1
    } else if (routeCacheAction === 'CLEAR' || (routeCacheAction === 'DEFAULT' && clearRouteCache)) {
      this.callbacks.clearRouteCache()
    } else if (clearRouteCache) cells[S.ROUTE_CACHE_DISABLED]! += 1
  }

  /** The processor answers the client itself. */
  private answerAtOnce(response: ImmediateResponse): Problem | null {
    const { plan } = this
    if (!plan.allowsImmediateResponse) {
      return { spurious: true, details: 'unhandled immediate response due to config disabled it' }
    }
    this.closeStream()
    const code = response.status?.code ?? OK
    const body = Buffer.from(response.body).toString('latin1')
    const modify = (headers: HeaderMap): void => this.mutateAnswer(headers, response)
    const grpcStatus = response.grpcStatus?.status ?? -1
    this.reply(Math.max(code, OK), body, response.details, modify, grpcStatus)
    return null
  }

  /** What is wrong with its headers is left out: there is an answer all the same. */
  private mutateAnswer(headers: HeaderMap, { headers: mutation }: ImmediateResponse): void {
    if (mutation === undefined) return
    const { rules } = this.plan
    const options = { rules, replacing: false, dropsContentLength: true, keepsStatus: true }
    this.plan.stats.cells[S.REJECTED_MUTATIONS]! += mutateHeaders(headers, mutation, options).rejected
  }

  // ---- failures

  onGrpcClose(status: number, message: string, details: string): void {
    const { cells } = this.plan.stats
    this.stream = null
    cells[S.SERVER_HALF_CLOSED]! += 1
    if (status !== 0) cells[S.STREAMS_FAILED]! += 1
    if (this.done) return
    if (status === 0) {
      cells[S.STREAMS_CLOSED]! += 1
      this.done = true
      this.abandon()
    } else if (this.settings.failureModeAllow) {
      cells[S.FAILURE_MODE_ALLOWED]! += 1
      cells[S.STREAMS_CLOSED]! += 1
      cells[S.SERVER_HALF_CLOSED]! += 1
      this.done = true
      this.abandon()
    } else {
      this.done = true
      this.refuse(this.plan.statusOnError, `${ERROR}_gRPC_error_${status}${explanation(message, details)}`)
    }
  }

  onMessageTimeout(): void {
    if (this.done) return
    // It is this side that does not listen.
    if (this.deaf) {
      this.request.restartTimer()
      this.response.restartTimer()
      return
    }
    const { buffers } = this.callbacks.thread
    const { cells } = this.plan.stats
    buffers.enter()
    cells[S.MESSAGE_TIMEOUTS]! += 1
    this.closeStream()
    if (this.settings.failureModeAllow) {
      cells[S.FAILURE_MODE_ALLOWED]! += 1
      this.abandon()
    } else this.refuse(GATEWAY_TIMEOUT, `${ERROR}_per-message_timeout_exceeded`)
    buffers.leave()
  }

  private refuse(status: number, details: string): void {
    this.reply(status, '', details, null, -1)
  }

  private reply(
    status: number,
    body: string,
    details: string,
    modify: ((headers: HeaderMap) => void) | null,
    grpcStatus: number,
  ): void {
    this.plan.stats.cells[S.IMMEDIATE_RESPONSES]! += 1
    this.request.stopTimer()
    this.response.stopTimer()
    this.callbacks.sendLocalReply(status, body, details.replaceAll(/\s/g, '_'), modify, grpcStatus)
  }

  /** Everything goes on without the processor. */
  private abandon(): void {
    this.releaseSources()
    this.request.abandon()
    this.response.abandon()
  }

  private closeStream(): void {
    this.done = true
    const { stream } = this
    if (stream === null) return
    this.stream = null
    this.plan.stats.cells[S.STREAMS_CLOSED]! += 1
    stream.close()
  }

  // ---- flow control

  pauseSource(message: PassingMessage): void {
    this.pausing = true
    if (message.isRequest) this.callbacks.pauseDownstream()
    else this.callbacks.pauseUpstream()
    this.pausing = false
  }

  resumeSource(message: PassingMessage): void {
    this.pausing = true
    if (message.isRequest) this.callbacks.resumeDownstream()
    else this.callbacks.resumeUpstream()
    this.pausing = false
  }

  /** The processor is slow to read. */
  onGrpcAboveWriteBufferHighWatermark(): void {
    if (this.done) return
    if (!this.requestHeld && this.request.sendsBody) {
      this.requestHeld = true
      this.pauseSource(this.request)
    }
    if (!this.responseHeld && this.response.sendsBody) {
      this.responseHeld = true
      this.pauseSource(this.response)
    }
  }

  onGrpcBelowWriteBufferLowWatermark(): void {
    if (!this.done) this.releaseSources()
  }

  private releaseSources(): void {
    if (this.requestHeld) this.resumeSource(this.request)
    if (this.responseHeld) this.resumeSource(this.response)
    this.requestHeld = this.responseHeld = false
  }

  override onDecodingPaused(): void {
    if (!this.pausing) this.requestSinkHolds++
  }

  override onDecodingResumed(): void {
    if (!this.pausing && this.requestSinkHolds > 0) this.requestSinkHolds--
    this.listenAgain()
  }

  override onDownstreamAboveHighWatermark(): void {
    if (!this.pausing) this.responseSinkHolds++
  }

  override onDownstreamBelowLowWatermark(): void {
    if (!this.pausing && this.responseSinkHolds > 0) this.responseSinkHolds--
    this.listenAgain()
  }

  /** Of what a processor makes out of little no more is taken than fits, once the other side does not take it. */
  onInjected(message: PassingMessage, bytes: number): void {
    if ((message.isRequest ? this.requestSinkHolds : this.responseSinkHolds) === 0) return
    this.bytesAhead += bytes
    if (this.deaf || this.bytesAhead <= this.callbacks.bufferLimitBytes) return
    this.deaf = true
    this.stream?.readDisable(true)
  }

  private listenAgain(): void {
    if (this.requestSinkHolds > 0 || this.responseSinkHolds > 0) return
    this.bytesAhead = 0
    if (!this.deaf) return
    this.deaf = false
    this.stream?.readDisable(false)
  }

  // ---- end

  override onDestroy(): void {
    this.done = true
    this.request.stopTimer()
    this.response.stopTimer()
    const { stream, plan } = this
    if (stream === null) return
    if (!plan.observes) {
      this.closeStream()
      return
    }
    // What only observes may still have something on its way.
    this.stream = null
    DeferredClose.start(this.callbacks.thread, stream, plan.deferredCloseMs, plan.stats.cells)
  }
}

function protocolConfig({ requestBodyMode, responseBodyMode }: ProcessingMode): object {
  return { requestBodyMode, responseBodyMode }
}

function explanation(message: string, details: string): string {
  if (message === '' && details === '') return ''
  return details === '' ? `{${message}}` : `{${message}{${details}}}`
}
