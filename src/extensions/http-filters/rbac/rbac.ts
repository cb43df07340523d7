// HOT FILE (docs/hot-path.md): one request before the policies.
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  type RbacDecider,
  type RbacDecision,
  type RbacSubject,
  type Route,
} from '../../../http/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'
import {
  type DecisionKeys,
  ENFORCED_STATS,
  type PolicyStats,
  type RbacPlan,
  SHADOW_STATS,
  type StatRoots,
} from './rbac-plan.ts'

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
  private readonly own: RbacPlan
  /** The route's, or the filter's own. */
  private plan: RbacPlan
  private readonly roots: StatRoots

  constructor(plan: RbacPlan, roots: StatRoots) {
    super()
    this.own = plan
    this.plan = plan
    this.roots = roots
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { callbacks } = this
    this.info = callbacks.info
    this.headers = headers
    this.route = callbacks.route
    this.plan = (this.routePlan() as RbacPlan | null) ?? this.own
    const { rules, shadowRules } = this.plan
    const shadow = shadowRules === null ? null : this.watch(shadowRules)
    const enforced = rules === null ? null : this.enforce(rules)
    if (enforced === null || enforced.allowed) {
      this.note(shadow, enforced)
      return FilterContinue
    }
    const details = `rbac_access_denied_matched_policy[${(enforced.policy ?? 'none').replaceAll(/\s/g, '_')}]`
    // As Envoy: access logs show what was decided, the headers that the route adds to this reply do not.
    callbacks.sendLocalReply(403, 'RBAC: access denied', details, () => this.note(shadow, enforced))
    return FilterStop
  }

  override onDestroy(): void {
    this.headers = null
    this.route = null
  }

  private watch(rules: RbacDecider): RbacDecision {
    const decision = rules.decide(this)
    const { shadow, shadowPolicies } = this.plan.stats(this.callbacks.thread, this.roots)
    shadow.cells[decision.allowed ? SHADOW_ALLOWED : SHADOW_DENIED]! += 1
    this.count(shadowPolicies, decision)
    return decision
  }

  private enforce(rules: RbacDecider): RbacDecision {
    const decision = rules.decide(this)
    const { enforced, enforcedPolicies } = this.plan.stats(this.callbacks.thread, this.roots)
    enforced.cells[decision.allowed ? ALLOWED : DENIED]! += 1
    this.count(enforcedPolicies, decision)
    return decision
  }

  private count(policies: ReadonlyMap<string, PolicyStats>, { policy, allowed, logHint }: RbacDecision): void {
    if (logHint !== null) this.hintLog(logHint)
    const stats = policy === null ? undefined : policies.get(policy)
    if (stats === undefined) return
    const { cells, slot } = allowed ? stats.allowed : stats.denied
    cells[slot]! += 1
  }

  private note(shadow: RbacDecision | null, enforced: RbacDecision | null): void {
    const { own, plan } = this
    if (enforced !== null) this.noteOne((plan.rulesPrefix === '' ? own : plan).rulesKeys, enforced)
    if (shadow !== null) this.noteOne((plan.shadowPrefix === '' ? own : plan).shadowKeys, shadow)
  }

  private noteOne(keys: DecisionKeys, { policy, allowed }: RbacDecision): void {
    const fields = this.metadata(METADATA)
    if (policy !== null) fields[keys.policy] = policy
    fields[keys.result] = allowed ? 'allowed' : 'denied'
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
