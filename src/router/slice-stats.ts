// Requests counted by what they ask for: `vhost.<virtual host>.vcluster.<name>.` of virtual clusters, and
// `vhost.<virtual host>.route.<stat_prefix>.` of routes.
import type { HeaderMap, Route, VirtualHostPlan } from '../http/index.ts'
import { type Histogram, type StatBlock, type StatStore, statTemplate } from '../observability/index.ts'
import { CodeFamily } from '../upstream/index.ts'

const TEMPLATE = statTemplate({
  counters: [
    'upstream_rq_total',
    'upstream_rq_timeout',
    'upstream_rq_retry',
    'upstream_rq_retry_limit_exceeded',
    'upstream_rq_retry_overflow',
    'upstream_rq_retry_success',
  ],
  histograms: ['upstream_rq_time'],
})
export const RQ_TOTAL = TEMPLATE.slot('upstream_rq_total')
export const RQ_TIMEOUT = TEMPLATE.slot('upstream_rq_timeout')
export const RQ_RETRY = TEMPLATE.slot('upstream_rq_retry')
export const RQ_RETRY_LIMIT = TEMPLATE.slot('upstream_rq_retry_limit_exceeded')
export const RQ_RETRY_OVERFLOW = TEMPLATE.slot('upstream_rq_retry_overflow')
export const RQ_RETRY_SUCCESS = TEMPLATE.slot('upstream_rq_retry_success')
const OTHER = 'other'

/** The stats of one slice on one thread. */
export class SliceStats {
  /** As logs name it; null: not at all. */
  readonly name: string | null
  private readonly block: StatBlock
  private readonly codes: CodeFamily
  private readonly time: Histogram

  constructor(stats: StatStore, prefix: string, name: string | null) {
    this.name = name
    this.block = stats.block(prefix, TEMPLATE)
    this.codes = new CodeFamily(stats, prefix)
    this.time = this.block.histogram(TEMPLATE.slot('upstream_rq_time'))
  }

  count(slot: number): void {
    this.block.cells[slot]! += 1
  }

  charge(status: number): void {
    this.codes.charge(status)
  }

  recordTime(ms: number): void {
    this.time.record(ms)
  }
}

export const NO_SLICES: readonly SliceStats[] = []

export function countSlices(slices: readonly SliceStats[], slot: number): void {
  for (let i = 0; i < slices.length; i++) (slices[i] as SliceStats).count(slot)
}

const known = new Map<string, SliceStats>()

function sliceStats(stats: StatStore, prefix: string, name: string | null): SliceStats {
  let found = known.get(prefix)
  if (found === undefined) {
    found = new SliceStats(stats, prefix, name)
    known.set(prefix, found)
  }
  return found
}

/** The first virtual cluster that matches, else the one called `other`, which has no name in logs. */
function virtualCluster(stats: StatStore, host: VirtualHostPlan, headers: HeaderMap): SliceStats {
  const name = host.virtualClusters.find(cluster => cluster.matches(headers))?.name ?? null
  return sliceStats(stats, `vhost.${host.name}.vcluster.${name ?? OTHER}.`, name)
}

/** What a request of `route` is counted under besides its cluster: its virtual cluster first. */
export function slicesOf(stats: StatStore, route: Route, headers: HeaderMap): readonly SliceStats[] {
  const { virtualHost, statPrefix } = route
  const slices: SliceStats[] = []
  if (virtualHost.virtualClusters.length > 0) slices.push(virtualCluster(stats, virtualHost, headers))
  if (statPrefix !== null) slices.push(sliceStats(stats, `vhost.${virtualHost.name}.route.${statPrefix}.`, null))
  return slices
}
