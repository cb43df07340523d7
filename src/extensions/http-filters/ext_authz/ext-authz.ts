// One request that waits for a service's word.
import {
  BodyBuffer,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  FilterStopAndWatermark,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  refuseServiceField,
  UPGRADE,
} from '../../../http/index.ts'
import { ResponseFlag } from '../../../observability/index.ts'
import type { Cluster, UpstreamThread } from '../../../upstream/index.ts'
import { applyChanges, changesAreValid, problemOfChanges, rewriteQuery } from './apply.ts'
import type { CheckCallbacks, CheckResult, CheckService, HeaderChange } from './check.ts'
import { type BodyPlan, CLUSTER_AUTHZ_STATS, EXT_AUTHZ_STATS, type ExtAuthzPlan, type RoutePlan } from './plan.ts'

const slot = (name: string): number => EXT_AUTHZ_STATS.slot(name)
const OK = slot('ok')
const DENIED = slot('denied')
const ERROR = slot('error')
const DISABLED = slot('disabled')
const FAILURE_MODE_ALLOWED = slot('failure_mode_allowed')
const INVALID = slot('invalid')
const SHADOW_DENIED = slot('shadow_denied')
const SHADOW_ERROR = slot('shadow_error')

/** Where the counts that clusters have too stand there, by the filter's slot. */
const CLUSTER_SLOTS: Readonly<Record<number, number>> = Object.fromEntries(
  CLUSTER_AUTHZ_STATS.counters.map((name, i) => [slot(name), i]),
)

const FAILURE_MODE_HEADER = HeaderName.of('x-envoy-auth-failure-mode-allowed')
const METADATA = 'envoy.filters.http.ext_authz'

const Idle = 0
const Buffering = 1
const Asking = 2
const Decided = 3

export class ExtAuthz extends HttpFilter implements CheckCallbacks {
  private readonly plan: ExtAuthzPlan
  private state = Idle
  private headers: HeaderMap | null = null
  private route: RoutePlan | null = null
  private bodyPlan: BodyPlan | null = null
  private body: BodyBuffer | null = null
  private call: { cancel(): void } | null = null
  private responseChanges: readonly HeaderChange[] | null = null
  private askedMs = 0
  /** The service answered within the call that asked it. */
  private inCall = false

  constructor(plan: ExtAuthzPlan) {
    super()
    this.plan = plan
  }

  private get thread(): UpstreamThread {
    return this.callbacks.thread as UpstreamThread
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { plan, callbacks } = this
    this.route = this.routePlan() as RoutePlan | null
    // A request that goes nowhere needs no permission.
    if (this.route?.disabled === true || callbacks.route === null) return FilterContinue
    if (!plan.isEnabled(callbacks.thread, callbacks.info.dynamicMetadata)) return this.passDisabled()
    this.headers = headers
    const own = this.route?.body
    this.bodyPlan = own === undefined ? plan.body : own
    if (this.bodyPlan !== null && !endStream && !headers.has(UPGRADE) && headers.method !== 'CONNECT') {
      this.state = Buffering
      this.body = new BodyBuffer()
      if (!this.bodyPlan.partial) callbacks.setBufferLimit(this.bodyPlan.maxBytes)
      return FilterStop
    }
    return this.ask(false) ? FilterContinue : FilterStopAndWatermark
  }

  private passDisabled(): HttpFilterStatus {
    const { plan, callbacks } = this
    plan.stats.cells[DISABLED]! += 1
    if (!plan.deniesWhenDisabled(callbacks.thread)) return FilterContinue
    this.refuseWithError()
    return FilterStop
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.state !== Buffering) return this.state === Asking ? FilterStopAndWatermark : FilterContinue
    const { maxBytes, partial } = this.bodyPlan as BodyPlan
    const body = this.body as BodyBuffer
    const room = maxBytes - body.length
    // Over the limit: to hold it is to refuse it.
    if (!partial && end - start > room) return FilterStopAndBuffer
    body.append(data, start, Math.min(end, start + room))
    const full = partial && end - start >= room
    if (!endStream && !full) return FilterStopAndBuffer
    return this.ask(end - start > room || (full && !endStream)) ? FilterContinue : FilterStopAndWatermark
  }

  override decodeTrailers(): HttpFilterStatus {
    if (this.state === Buffering) return this.ask(false) ? FilterContinue : FilterStop
    return this.state === Asking ? FilterStop : FilterContinue
  }

  /** True: the answer is there already, and it is yes. */
  private ask(partial: boolean): boolean {
    const { callbacks } = this
    const service = (this.route?.service ?? this.plan.service) as CheckService
    this.state = Asking
    this.askedMs = callbacks.thread.clock.now
    this.inCall = true
    const call = service.check(
      this.thread,
      {
        headers: this.headers as HeaderMap,
        info: callbacks.info,
        body: this.body?.toBuffer() ?? null,
        partial,
        contextExtensions: this.route?.contextExtensions ?? {},
        routeMetadata: callbacks.route?.metadata ?? null,
      },
      this,
    )
    this.inCall = false
    if ((this.state as number) === Decided) return this.passed
    this.call = call
    return false
  }

  private passed = false

  onCheckComplete(result: CheckResult): void {
    this.state = Decided
    this.call = null
    this.body = null
    const { plan } = this
    if (result.metadata !== null && plan.ingestsMetadata) this.noteMetadata(result.metadata, result.outcome === 'ok')
    if (result.outcome === 'ok') this.permit(result)
    else if (result.outcome === 'denied') this.deny(result)
    else this.fail()
  }

  /** As Envoy: only who is let in learns how long it took. */
  private noteMetadata(metadata: Record<string, unknown>, isOk: boolean): void {
    const { info, thread } = this.callbacks
    const all = (info.dynamicMetadata ??= new Map())
    const duration = isOk ? { ext_authz_duration: Math.floor(thread.clock.now - this.askedMs) } : {}
    all.set(METADATA, { ...all.get(METADATA), ...metadata, ...duration })
  }

  private permit(result: CheckResult): void {
    const { plan, callbacks } = this
    const headers = this.headers as HeaderMap
    if (plan.validateMutations && !changesAreValid(result)) {
      this.reject()
      return
    }
    this.count(OK)
    const { requestChanges, requestRemovals, querySet, queryRemove } = result
    const problem = problemOfChanges(requestChanges)
    if (problem !== null) {
      refuseServiceField(callbacks, problem)
      return
    }
    const changes = requestChanges.length + requestRemovals.length + querySet.length + queryRemove.length
    applyChanges(headers, requestChanges)
    for (const name of requestRemovals) headers.remove(name)
    if (querySet.length > 0 || queryRemove.length > 0) rewriteQuery(headers, querySet, queryRemove)
    if (plan.clearRouteCache && changes > 0) callbacks.clearRouteCache()
    if (result.responseChanges.length > 0) this.responseChanges = result.responseChanges
    this.goOn()
  }

  private goOn(): void {
    this.passed = true
    if (!this.inCall) this.callbacks.continueDecoding(this)
  }

  private deny(result: CheckResult): void {
    const { plan, callbacks } = this
    this.count(DENIED)
    if (plan.chargesCluster) this.routeCluster()?.codeStats.charge(result.status, true, false, '')
    if (plan.validateMutations && !changesAreValid(result)) {
      this.reject()
      return
    }
    if (plan.shadow) {
      plan.stats.cells[SHADOW_DENIED]! += 1
      this.goOn()
      return
    }
    const limit = plan.maxDeniedBodyBytes
    const body = limit > 0 ? result.body.slice(0, limit) : result.body
    callbacks.info.flags |= ResponseFlag.UnauthorizedExternalService
    callbacks.sendLocalReply(result.status, body, 'ext_authz_denied', reply =>
      applyChanges(reply, result.clientHeaders),
    )
  }

  /** The service wants headers that could not be sent. */
  private reject(): void {
    this.count(INVALID)
    this.callbacks.info.flags |= ResponseFlag.UnauthorizedExternalService
    this.callbacks.sendLocalReply(500, '', 'ext_authz_invalid')
  }

  private fail(): void {
    const { plan } = this
    this.count(ERROR)
    if (plan.shadow) {
      plan.stats.cells[SHADOW_ERROR]! += 1
      this.goOn()
    } else if (plan.failureModeAllow) {
      this.count(FAILURE_MODE_ALLOWED)
      if (plan.failureModeHeader) (this.headers as HeaderMap).set(FAILURE_MODE_HEADER, 'true')
      this.goOn()
    } else this.refuseWithError()
  }

  private refuseWithError(): void {
    this.callbacks.info.flags |= ResponseFlag.UnauthorizedExternalService
    this.callbacks.sendLocalReply(this.plan.statusOnError, '', 'ext_authz_error')
  }

  /** In the filter's stats and in those of the cluster that the request goes to. */
  private count(which: number): void {
    const { plan } = this
    plan.stats.cells[which]! += 1
    const cluster = this.routeCluster()
    if (cluster === undefined) return
    const at = CLUSTER_SLOTS[which]
    if (at !== undefined) plan.clusterStats(this.thread, cluster).cells[at]! += 1
  }

  private routeCluster(): Cluster | undefined {
    const { route } = this.callbacks
    if (route === null || route.kind !== 'cluster') return undefined
    const header = route.clusterHeader
    const name = route.clusterName ?? (header === null ? undefined : this.headers?.get(header))
    return name === undefined ? undefined : this.thread.clusters.get(name)
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    if (this.responseChanges !== null) applyChanges(headers, this.responseChanges)
    return FilterContinue
  }

  override onDestroy(): void {
    this.state = Decided
    this.call?.cancel()
    this.call = null
    this.body = null
    this.headers = null
  }
}
