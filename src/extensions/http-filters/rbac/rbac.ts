// HOT FILE (docs/hot-path.md): one request before the policies.
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  type RbacDecider,
  type RbacSubject,
  type Route,
} from '../../../http/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'
import { ENFORCED_STATS, type PolicyStats, type RbacPlan, SHADOW_STATS } from './rbac-plan.ts'

const ALLOWED = ENFORCED_STATS.slot('allowed')
const DENIED = ENFORCED_STATS.slot('denied')
const SHADOW_ALLOWED = SHADOW_STATS.slot('shadow_allowed')
const SHADOW_DENIED = SHADOW_STATS.slot('shadow_denied')
const METADATA = 'envoy.filters.http.rbac'
const COMMON_METADATA = 'envoy.common'

export class Rbac extends HttpFilter implements RbacSubject {
  info!: StreamInfo
  headers: HeaderMap | null = null
  route: Route | null = null
  private plan: RbacPlan
  private readonly statPrefix: string

  constructor(plan: RbacPlan, statPrefix: string) {
    super()
    this.plan = plan
    this.statPrefix = statPrefix
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { callbacks } = this
    this.info = callbacks.info
    this.headers = headers
    this.route = callbacks.route
    this.plan = (this.routePlan() as RbacPlan | null) ?? this.plan
    const { rules, shadowRules } = this.plan
    if (shadowRules !== null) this.watch(shadowRules)
    return rules === null || this.enforce(rules) ? FilterContinue : FilterStop
  }

  override onDestroy(): void {
    this.headers = null
    this.route = null
  }

  private watch(rules: RbacDecider): void {
    const { plan } = this
    const { policy, allowed, logHint } = rules.decide(this)
    const { shadow, shadowPolicies } = plan.stats(this.callbacks.thread, this.statPrefix)
    shadow.cells[allowed ? SHADOW_ALLOWED : SHADOW_DENIED]! += 1
    countPolicy(shadowPolicies, policy, allowed)
    this.note(`${plan.shadowPrefix}shadow`, policy, allowed)
    if (logHint !== null) this.hintLog(logHint)
  }

  private enforce(rules: RbacDecider): boolean {
    const { plan, callbacks } = this
    const { policy, allowed, logHint } = rules.decide(this)
    const { enforced, enforcedPolicies } = plan.stats(callbacks.thread, this.statPrefix)
    enforced.cells[allowed ? ALLOWED : DENIED]! += 1
    countPolicy(enforcedPolicies, policy, allowed)
    this.note(`${plan.rulesPrefix}enforced`, policy, allowed)
    if (logHint !== null) this.hintLog(logHint)
    if (allowed) return true
    const details = `rbac_access_denied_matched_policy[${(policy ?? 'none').replaceAll(/\s/g, '_')}]`
    callbacks.sendLocalReply(403, 'RBAC: access denied', details)
    return false
  }

  private note(prefix: string, policy: string | null, allowed: boolean): void {
    const fields = this.metadata(METADATA)
    if (policy !== null) fields[`${prefix}_effective_policy_id`] = policy
    fields[`${prefix}_engine_result`] = allowed ? 'allowed' : 'denied'
  }

  /** Access loggers may go by it: envoy.common access_log_hint. */
  private hintLog(matched: boolean): void {
    this.metadata(COMMON_METADATA)['access_log_hint'] = matched
  }

  private metadata(namespace: string): Record<string, unknown> {
    const all = (this.info.dynamicMetadata ??= new Map())
    let fields = all.get(namespace)
    if (fields === undefined) all.set(namespace, (fields = {}))
    return fields
  }
}

function countPolicy(policies: ReadonlyMap<string, PolicyStats>, policy: string | null, allowed: boolean): void {
  const stats = policy === null ? undefined : policies.get(policy)
  if (stats === undefined) return
  const { cells, slot } = allowed ? stats.allowed : stats.denied
  cells[slot]! += 1
}
