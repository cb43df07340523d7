import { type StatBlock, statTemplate } from '../../observability/index.ts'

/** Counters below 'cluster.<name>.health_check.', or below '...health_check.name.<name>.' where checks have names. */
export const HEALTH_CHECK_STATS = statTemplate({
  counters: ['attempt', 'success', 'failure', 'passive_failure', 'network_failure', 'verify_cluster'],
  gauges: ['healthy', 'degraded'],
  histograms: [],
})
/** Of a cluster whose checks have names: what its hosts are by all of them. */
export const HEALTH_CHECK_SUMMARY = statTemplate({ counters: [], gauges: ['healthy', 'degraded'], histograms: [] })

const slot = (name: string): number => HEALTH_CHECK_STATS.slot(name)
export const HC_ATTEMPT = slot('attempt')
export const HC_SUCCESS = slot('success')
export const HC_FAILURE = slot('failure')
export const HC_PASSIVE_FAILURE = slot('passive_failure')
export const HC_NETWORK_FAILURE = slot('network_failure')
export const HC_VERIFY_CLUSTER = slot('verify_cluster')
export const HC_HEALTHY = slot('healthy')
export const HC_DEGRADED = slot('degraded')

const SUMMARY_HEALTHY = HEALTH_CHECK_SUMMARY.slot('healthy')
const SUMMARY_DEGRADED = HEALTH_CHECK_SUMMARY.slot('degraded')

/** What one host adds to the gauges under one health check. */
export class HealthGauges {
  private readonly own: StatBlock
  private readonly summary: StatBlock | null
  private healthy = 0
  private degraded = 0

  constructor(own: StatBlock, summary: StatBlock | null) {
    this.own = own
    this.summary = summary
  }

  set(healthy: boolean, degraded: boolean): void {
    const [healthyBy, degradedBy] = [Number(healthy) - this.healthy, Number(degraded) - this.degraded]
    this.healthy += healthyBy
    this.degraded += degradedBy
    this.own.cells[HC_HEALTHY]! += healthyBy
    this.own.cells[HC_DEGRADED]! += degradedBy
    if (this.summary === null) return
    this.summary.cells[SUMMARY_HEALTHY]! += healthyBy
    this.summary.cells[SUMMARY_DEGRADED]! += degradedBy
  }
}
