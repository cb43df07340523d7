import { HTTP2_STATS, HttpStats } from '../http/index.ts'
import { type AccessLog, openAccessLogs, type ThreadContext } from '../net/index.ts'
import type { StatBlock, Tracer } from '../observability/index.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'

export interface ManagerStats {
  /** `http.<stat_prefix>.` */
  readonly http: StatBlock
  /** `http1.` */
  readonly codec: StatBlock
}

/** What all connections of one manager share on one thread. */
export class ManagerShared {
  readonly thread: ThreadContext
  readonly stats: ManagerStats
  readonly accessLogs: readonly AccessLog[]
  readonly tracer: Tracer | null

  constructor(plan: HttpConnectionManagerPlan, thread: ThreadContext) {
    this.thread = thread
    this.stats = {
      http: thread.stats.block(`http.${plan.statPrefix}.`, HttpStats.HCM_STATS),
      codec: thread.stats.block('http1.', HttpStats.HTTP1_STATS),
    }
    this.accessLogs = openAccessLogs(plan.accessLogs, thread)
    this.tracer = plan.tracing?.tracer?.open(thread) ?? null
    for (const { plan: filter } of plan.filters) filter.start?.(thread, this.stats.http.prefix)
    for (const { filters } of plan.upgrades) {
      for (const { plan: filter } of filters ?? []) filter.start?.(thread, this.stats.http.prefix)
    }
  }

  /** `http2.`; there from the first HTTP/2 connection on. */
  get http2Stats(): StatBlock {
    return this.thread.stats.block('http2.', HTTP2_STATS)
  }
}
