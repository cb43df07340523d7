import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

const GAUGES = [
  'burst_queue_size',
  'concurrency_limit',
  'gradient',
  'min_rtt_calculation_active',
  'min_rtt_msecs',
  'sample_rtt_msecs',
] as const
export type ControllerGauge = (typeof GAUGES)[number]

export const CONTROLLER_STATS = statTemplate({ counters: ['rq_blocked'], gauges: GAUGES })
const BLOCKED = CONTROLLER_STATS.slot('rq_blocked')

/**
 * Gauges that any worker may set. A scrape sums the workers' cells, so who sets one adds the difference to its own cell.
 */
export class ControllerStats {
  private readonly block: StatBlock
  private readonly published: BigInt64Array

  constructor(thread: ThreadContext, prefix: string) {
    this.block = thread.stats.block(prefix, CONTROLLER_STATS)
    this.published = thread.sharedCells.piece(`gauges ${prefix}`, '', GAUGES.length)
  }

  countBlocked(): void {
    this.block.cells[BLOCKED]! += 1
  }

  set(gauge: ControllerGauge, value: number): void {
    const whole = Math.floor(value)
    const before = Number(Atomics.exchange(this.published, GAUGES.indexOf(gauge), BigInt(whole)))
    this.block.cells[CONTROLLER_STATS.slot(gauge)]! += whole - before
  }
}
