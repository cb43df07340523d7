import { Timer, type TimerOwner } from '../../../base/index.ts'
import type { RbacDecider, RbacSubject } from '../../../http/index.ts'
import {
  CloseNoFlush,
  type Connection,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
  type ThreadContext,
} from '../../../net/index.ts'
import { type StatBlock, type StreamInfo, statTemplate } from '../../../observability/index.ts'

export const RBAC_STATS = statTemplate({ counters: ['allowed', 'denied'], gauges: [], histograms: [] })
export const RBAC_SHADOW_STATS = statTemplate({
  counters: ['shadow_allowed', 'shadow_denied'],
  gauges: [],
  histograms: [],
})
const ALLOWED = RBAC_STATS.slot('allowed')
const DENIED = RBAC_STATS.slot('denied')
const SHADOW_ALLOWED = RBAC_SHADOW_STATS.slot('shadow_allowed')
const SHADOW_DENIED = RBAC_SHADOW_STATS.slot('shadow_denied')
const METADATA = 'envoy.filters.network.rbac'

export interface RbacShared {
  readonly thread: ThreadContext
  /** null: everything is allowed, and not counted. */
  readonly rules: RbacDecider | null
  readonly shadowRules: RbacDecider | null
  readonly stats: StatBlock
  readonly shadowStats: StatBlock
  readonly shadowPrefix: string
  /** Every read is checked, not only the first. */
  readonly continuous: boolean
  readonly delayDenyMs: number
}

/** Lets a connection's bytes pass if its addresses are allowed; decides when the first ones arrive. */
export class Rbac implements NetworkFilter, RbacSubject, TimerOwner {
  private readonly shared: RbacShared
  private connection: Connection = null as never
  info: StreamInfo = null as never
  readonly headers = null
  readonly route = null
  private decided = false
  private denied = false
  private delay: Timer | null = null

  constructor(shared: RbacShared) {
    this.shared = shared
  }

  initialize({ connection, info }: NetworkFilterCallbacks): void {
    this.connection = connection
    this.info = info
  }

  onNewConnection(): FilterStatus {
    return Continue
  }

  onData(): FilterStatus {
    if (this.denied) return StopIteration
    if (this.decided && !this.shared.continuous) return Continue
    this.decided = true
    this.checkShadow()
    const { rules, stats } = this.shared
    if (rules === null) return Continue
    const { policy, allowed } = rules.decide(this)
    stats.cells[allowed ? ALLOWED : DENIED]! += 1
    if (allowed) return Continue
    this.denied = true
    this.info.connectionTerminationDetails = `rbac_access_denied_matched_policy[${(policy ?? 'none').replaceAll(' ', '_')}]`
    this.deny()
    return StopIteration
  }

  private checkShadow(): void {
    const { shadowPrefix, shadowRules, shadowStats } = this.shared
    if (shadowRules === null) return
    const { policy, allowed } = shadowRules.decide(this)
    shadowStats.cells[allowed ? SHADOW_ALLOWED : SHADOW_DENIED]! += 1
    this.info.dynamicMetadata ??= new Map()
    this.info.dynamicMetadata.set(METADATA, {
      ...this.info.dynamicMetadata.get(METADATA),
      ...(policy === null ? {} : { [`${shadowPrefix}shadow_effective_policy_id`]: policy }),
      [`${shadowPrefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied',
    })
  }

  private deny(): void {
    const { delayDenyMs, thread } = this.shared
    if (delayDenyMs === 0) {
      this.connection.close(CloseNoFlush)
      return
    }
    this.connection.readDisable(true)
    this.delay = new Timer(this, 0)
    thread.timers.arm(this.delay, delayDenyMs)
  }

  onTimer(): void {
    this.connection.close(CloseNoFlush)
  }

  onClose(): void {
    if (this.delay !== null) this.shared.thread.timers.disarm(this.delay)
  }
}
