import type { ConnectionCounter, ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

const FAULT_STATS = statTemplate({
  counters: ['aborts_injected', 'delays_injected', 'faults_overflow', 'response_rl_injected'],
  gauges: ['active_faults'],
})
export const ABORTS = FAULT_STATS.slot('aborts_injected')
export const DELAYS = FAULT_STATS.slot('delays_injected')
export const OVERFLOW = FAULT_STATS.slot('faults_overflow')
export const RATE_LIMITED = FAULT_STATS.slot('response_rl_injected')
export const ACTIVE = FAULT_STATS.slot('active_faults')

const DOWNSTREAM_CLUSTER_STATS = statTemplate({ counters: ['aborts_injected', 'delays_injected'] })
export const CLUSTER_ABORTS = DOWNSTREAM_CLUSTER_STATS.slot('aborts_injected')
export const CLUSTER_DELAYS = DOWNSTREAM_CLUSTER_STATS.slot('delays_injected')
/** Names come from a header: beyond so many there are no more stats of their own. */
const MAX_DOWNSTREAM_CLUSTERS = 256

/** The stats of one filter on one thread. */
export class FaultStats {
  readonly cells: Float64Array
  /** Faults under way, over all workers. */
  readonly active: ConnectionCounter
  private readonly thread: ThreadContext
  private readonly prefix: string
  private readonly clusters = new Map<string, StatBlock>()

  constructor(thread: ThreadContext, statPrefix: string, place: string) {
    this.thread = thread
    this.prefix = `${statPrefix}fault.`
    this.cells = thread.stats.block(this.prefix, FAULT_STATS).cells
    this.active = thread.connectionCounters.counter(`fault ${place}`)
  }

  /** `http.<stat_prefix>.fault.<downstream cluster>.` */
  chargeCluster(name: string, slot: number): void {
    let block = this.clusters.get(name)
    if (block === undefined) {
      if (this.clusters.size >= MAX_DOWNSTREAM_CLUSTERS) return
      block = this.thread.stats.block(`${this.prefix}${name}.`, DOWNSTREAM_CLUSTER_STATS)
      this.clusters.set(name, block)
    }
    block.cells[slot]! += 1
  }
}
