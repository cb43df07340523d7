// circuit_breakers.* gauges: written by main alone, from the counts of all workers together.
import type { RuntimeSnapshot } from '../config/index.ts'
import type { StatBlock, StatStore } from '../observability/index.ts'
import { type LimitsLocation, ledgerPosition } from './limits-memory.ts'
import { Connections, type LimitsPlan, PendingRequests, Requests, ResourceLimits, Retries } from './resource-limits.ts'
import { CLUSTER_SLOTS as C, REMAINING_SLOTS, REMAINING_STATS } from './stats.ts'

const MAIN_WORKER_INDEX = -1
const KINDS = [Connections, PendingRequests, Requests, Retries] as const

/** Gauge slot by priority and resource kind. */
const OPEN: readonly (readonly number[])[] = [
  [
    C['circuit_breakers.default.cx_open'],
    C['circuit_breakers.default.rq_pending_open'],
    C['circuit_breakers.default.rq_open'],
    C['circuit_breakers.default.rq_retry_open'],
  ],
  [
    C['circuit_breakers.high.cx_open'],
    C['circuit_breakers.high.rq_pending_open'],
    C['circuit_breakers.high.rq_open'],
    C['circuit_breakers.high.rq_retry_open'],
  ],
]
const POOL_OPEN = [C['circuit_breakers.default.cx_pool_open'], C['circuit_breakers.high.cx_pool_open']] as const

export interface BreakerGauges {
  refresh(): void
}

interface Breakers {
  readonly limitsPlan: readonly [LimitsPlan, LimitsPlan]
  readonly limits: LimitsLocation
  readonly stats: StatBlock
}

/** The gauges of one cluster. */
export function breakerGauges(
  cluster: Breakers,
  stats: StatStore,
  runtime: { readonly snapshot: RuntimeSnapshot },
): BreakerGauges {
  const ledger = ledgerPosition(MAIN_WORKER_INDEX)
  const priorities = cluster.limitsPlan.map((plan, priority) => ({
    limits: new ResourceLimits(plan, priority === 0 ? 0 : 1, cluster.limits, ledger, runtime),
    open: OPEN[priority] as readonly number[],
    poolOpen: POOL_OPEN[priority] as number,
    hasBudget: plan.retryBudget !== null,
    maxRetries: plan.max[Retries],
    common: priority === 0,
    remaining: plan.trackRemaining
      ? stats.block(`${cluster.stats.prefix}circuit_breakers.${priority === 0 ? 'default' : 'high'}.`, REMAINING_STATS)
      : null,
  }))
  return {
    refresh: () => {
      for (const { limits, open, poolOpen, hasBudget, maxRetries, remaining, common } of priorities) {
        if (common) cluster.stats.cells[poolOpen] = 0
        for (const kind of KINDS) {
          const left = Math.max(limits.limit(kind) - limits.count(kind), 0)
          const used = limits.count(kind) > 0 || (common && kind !== Retries)
          show(cluster.stats, open[kind] as number, left === 0 && limits.limit(kind) > 0 ? 1 : 0, used)
          // Under a retry budget the limit moves with the load: as in Envoy, max_retries stands there unmoved.
          const shown = kind === Retries && hasBudget ? maxRetries : left
          if (remaining !== null) remaining.cells[REMAINING_SLOTS[kind] as number] = shown
        }
      }
    },
  }
}

/** As Envoy: the gauge of what nobody has ever held counts as unused (minus zero, see StatStore). */
function show({ cells }: StatBlock, slot: number, value: number, used: boolean): void {
  if (used || value !== 0 || !Object.is(cells[slot], -0)) cells[slot] = value
}
