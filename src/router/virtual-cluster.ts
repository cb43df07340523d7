// `vhost.<virtual host>.vcluster.<name>.`: requests counted by what they ask for, as the virtual host slices them.
import type { HeaderMap, VirtualHostPlan } from '../http/index.ts'
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
const RQ_TOTAL = TEMPLATE.slot('upstream_rq_total')
const RQ_TIMEOUT = TEMPLATE.slot('upstream_rq_timeout')
const OTHER = 'other'

/** As logs name it: what no virtual cluster matches has no name there. */
export function loggedName({ name }: VirtualClusterStats): string | null {
  return name === OTHER ? null : name
}

/** The stats of one virtual cluster on one thread. */
export class VirtualClusterStats {
  readonly name: string
  private readonly block: StatBlock
  private readonly codes: CodeFamily
  private readonly time: Histogram

  constructor(stats: StatStore, prefix: string, name: string) {
    this.name = name
    this.block = stats.block(prefix, TEMPLATE)
    this.codes = new CodeFamily(stats, prefix)
    this.time = this.block.histogram(TEMPLATE.slot('upstream_rq_time'))
  }

  charge(status: number): void {
    this.block.cells[RQ_TOTAL]! += 1
    if (status === 504) this.block.cells[RQ_TIMEOUT]! += 1
    this.codes.charge(status)
  }

  recordTime(ms: number): void {
    this.time.record(ms)
  }
}

const known = new Map<string, VirtualClusterStats>()

/** The first virtual cluster that matches, else the one called `other`. */
export function findVirtualCluster(stats: StatStore, host: VirtualHostPlan, headers: HeaderMap): VirtualClusterStats {
  const name = host.virtualClusters.find(cluster => cluster.matches(headers))?.name ?? OTHER
  const prefix = `vhost.${host.name}.vcluster.${name}.`
  let found = known.get(prefix)
  if (found === undefined) {
    found = new VirtualClusterStats(stats, prefix, name)
    known.set(prefix, found)
  }
  return found
}
