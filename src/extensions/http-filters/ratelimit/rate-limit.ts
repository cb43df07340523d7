// One request that waits for the rate limit service.
import { toWireText } from '../../../base/index.ts'
import {
  FilterContinue,
  FilterStopAndWatermark,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  isServiceField,
  overwriteHeader,
  type RateLimitDescriptor,
  type RateLimitPolicy,
  type RateLimitSubject,
  refuseServiceField,
  serviceFieldProblem,
  X_ENVOY_INTERNAL,
  X_ENVOY_RATELIMITED,
} from '../../../http/index.ts'
import { ResponseFlag } from '../../../observability/index.ts'
import {
  type Cluster,
  CodeOverLimit,
  type GrpcCall,
  type RateLimitAnswer,
  type RateLimitCallbacks,
  rateLimitHeaderValue,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import { RATE_LIMIT_STATS, type RateLimitPlan, type RoutePlan } from './plan.ts'
import { addRateLimitHeaders, secondsUntilReset } from './x-ratelimit-headers.ts'

const OK = RATE_LIMIT_STATS.slot('ok')
const ERROR = RATE_LIMIT_STATS.slot('error')
const OVER_LIMIT = RATE_LIMIT_STATS.slot('over_limit')
const FAILURE_MODE_ALLOWED = RATE_LIMIT_STATS.slot('failure_mode_allowed')
const RETRY_AFTER = HeaderName.of('retry-after')
const GRPC_RESOURCE_EXHAUSTED = 8

const Idle = 0
const Calling = 1
const Answered = 2

export class RateLimit extends HttpFilter implements RateLimitCallbacks {
  private readonly plan: RateLimitPlan
  private state = Idle
  private headers: HeaderMap | null = null
  private cluster: Cluster | null = null
  private call: GrpcCall | null = null
  private answer: RateLimitAnswer | null = null
  /** What was asked; the answer's statuses are in their order. */
  private descriptors: readonly RateLimitDescriptor[] = []
  /** The service answered within the call that asked it. */
  private inCall = false
  private refused = false

  constructor(plan: RateLimitPlan) {
    super()
    this.plan = plan
  }

  private get thread(): UpstreamThread {
    return this.callbacks.thread as UpstreamThread
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { plan, callbacks } = this
    this.headers = headers
    if (!this.concerns(headers) || !plan.enabled.enabled(callbacks.thread)) return FilterContinue
    const cluster = this.routeCluster(headers)
    if (cluster === undefined) return FilterContinue
    this.cluster = cluster
    const descriptors = this.describe(headers, false)
    if (descriptors.length === 0) return FilterContinue
    this.descriptors = descriptors
    this.state = Calling
    this.inCall = true
    const call = plan.service.ask(this.thread, this.domain, descriptors, this, callbacks.info)
    this.inCall = false
    if ((this.state as number) === Calling) this.call = call
    return (this.state as number) === Calling || this.refused ? FilterStopAndWatermark : FilterContinue
  }

  private concerns(headers: HeaderMap): boolean {
    const { requestType } = this.plan
    if (requestType === '' || requestType === 'both') return true
    return headers.has(X_ENVOY_INTERNAL) === (requestType === 'internal')
  }

  private get domain(): string {
    const own = (this.routePlan() as RoutePlan | null)?.domain ?? ''
    return own === '' ? this.plan.domain : own
  }

  private routeCluster(headers: HeaderMap): Cluster | undefined {
    const { route } = this.callbacks
    if (route === null || route.kind !== 'cluster') return undefined
    const header = route.clusterHeader
    const name = route.clusterName ?? (header === null ? undefined : headers.get(header))
    return name === undefined ? undefined : this.thread.clusters.get(name)
  }

  /** Of this route or of the filter; empty: the route's in the route table count. */
  private get ownRateLimits(): RateLimitPolicy {
    const ofRoute = (this.routePlan() as RoutePlan | null)?.rateLimits
    return ofRoute === undefined || ofRoute.isEmpty ? this.plan.rateLimits : ofRoute
  }

  private describe(headers: HeaderMap, onStreamDone: boolean): RateLimitDescriptor[] {
    const { plan, callbacks } = this
    const { route, info, thread } = callbacks
    const descriptors: RateLimitDescriptor[] = []
    if (route === null) return descriptors
    const { snapshot } = thread.runtime
    const subject: RateLimitSubject = { headers, info, route, serviceCluster: thread.node.cluster ?? '' }
    const own = this.ownRateLimits
    if (!own.isEmpty) {
      own.populate(descriptors, 0, onStreamDone, snapshot, subject)
      return descriptors
    }
    route.rateLimits.populate(descriptors, plan.stage, onStreamDone, snapshot, subject)
    const configured = (this.routePlan() as RoutePlan | null)?.vhRateLimits ?? 'OVERRIDE'
    const vh = route.includeVirtualHostRateLimits ? 'INCLUDE' : configured
    if (vh === 'INCLUDE' || (vh === 'OVERRIDE' && route.rateLimits.isEmpty)) {
      route.virtualHost.rateLimits.populate(descriptors, plan.stage, onStreamDone, snapshot, subject)
    }
    return descriptors
  }

  onRateLimitAnswer(answer: RateLimitAnswer | null): void {
    this.state = Answered
    this.call = null
    const { plan, callbacks } = this
    if (answer === null) {
      this.onError()
      return
    }
    this.answer = answer
    if (answer.dynamicMetadata !== undefined && Object.keys(answer.dynamicMetadata).length > 0) {
      ;(callbacks.info.dynamicMetadata ??= new Map()).set(plan.metadataNamespace, answer.dynamicMetadata)
    }
    if (answer.overallCode !== CodeOverLimit) {
      this.count(OK)
      this.pass(answer)
      return
    }
    this.count(OVER_LIMIT)
    ;(this.cluster as Cluster).codeStats.charge(plan.rateLimitedStatus, true, false, '')
    if (plan.enforced.enabled(callbacks.thread)) this.refuse(answer)
    else this.pass(answer)
  }

  private pass(answer: RateLimitAnswer | null): void {
    for (const field of answer?.requestHeadersToAdd ?? []) {
      const key = toWireText(field.key)
      if (!isServiceField(key)) continue
      const value = rateLimitHeaderValue(field)
      const problem = serviceFieldProblem(key, value)
      if (problem !== null) {
        refuseServiceField(this.callbacks, problem)
        return
      }
      overwriteHeader(this.headers as HeaderMap, HeaderName.of(key), value)
    }
    if (!this.inCall) this.callbacks.continueDecoding(this)
  }

  private refuse(answer: RateLimitAnswer): void {
    const { plan, callbacks, headers } = this
    this.refused = true
    callbacks.info.flags |= ResponseFlag.RateLimited
    const modify = (reply: HeaderMap): void => {
      this.addResponseHeaders(reply)
      this.answer = null
      const first = answer.statuses.find(({ currentLimit }) => currentLimit !== undefined)
      if (plan.retryAfterHeader && plan.rateLimitedStatus === 429 && first !== undefined)
        reply.append(RETRY_AFTER, secondsUntilReset(first))
      plan.responseHeaders.apply(reply, headers, reply, callbacks.info)
    }
    const grpcStatus = plan.resourceExhausted ? GRPC_RESOURCE_EXHAUSTED : -1
    const body = Buffer.from(answer.rawBody).toString('latin1')
    callbacks.sendLocalReply(plan.rateLimitedStatus, body, 'request_rate_limited', modify, grpcStatus)
  }

  private onError(): void {
    const { plan, callbacks } = this
    this.count(ERROR)
    const { denyOnError } = plan
    const denies = typeof denyOnError === 'boolean' ? denyOnError : denyOnError.enabled(callbacks.thread)
    if (!denies) {
      this.count(FAILURE_MODE_ALLOWED)
      this.pass(null)
      return
    }
    this.refused = true
    callbacks.info.flags |= ResponseFlag.RateLimitServiceError
    callbacks.sendLocalReply(plan.statusOnError, '', 'rate_limiter_error')
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.addResponseHeaders(headers)
    return FilterContinue
  }

  private addResponseHeaders(headers: HeaderMap): void {
    const { answer, plan } = this
    if (answer === null) return
    for (const field of answer.responseHeadersToAdd) {
      if (isServiceField(field.key)) headers.append(HeaderName.of(toWireText(field.key)), rateLimitHeaderValue(field))
    }
    if (answer.overallCode === CodeOverLimit && plan.envoyRateLimitedHeader) headers.set(X_ENVOY_RATELIMITED, 'true')
    addRateLimitHeaders(headers, answer.statuses, this.descriptors, plan.xRateLimitHeaders)
  }

  private count(slot: number): void {
    this.plan.clusterStats(this.thread, this.cluster as Cluster).cells[slot]! += 1
  }

  /** Descriptors that wait for the end, such as those that count bytes: nobody waits for their answer. */
  override onStreamComplete(): void {
    const { headers, plan } = this
    if (headers === null || this.cluster === null) return
    const { route } = this.callbacks
    const late =
      this.ownRateLimits.hasStreamDone ||
      route?.rateLimits.hasStreamDone === true ||
      route?.virtualHost.rateLimits.hasStreamDone === true
    if (!late) return
    const descriptors = this.describe(headers, true)
    if (descriptors.length > 0) plan.service.ask(this.thread, this.domain, descriptors, NOBODY)
  }

  override onDestroy(): void {
    this.call?.cancel()
    this.call = null
    this.headers = null
  }
}

const NOBODY: RateLimitCallbacks = { onRateLimitAnswer: () => undefined }
