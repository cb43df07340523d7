// HOT FILE (docs/hot-path.md): what one worker notes of one host's answers: an increment or two per request.
import type { ThreadContext } from '../../net/index.ts'
import { FailedOutlierCheck } from '../health.ts'
import { ROW_CONSECUTIVE_5XX, ROW_CONSECUTIVE_GATEWAY, ROW_CONSECUTIVE_LOCAL, ROW_HEALTH_FLAGS } from '../host-rows.ts'
import { OD_LATENCY, OD_LOCAL_SUCCESS, OD_LOCAL_TOTAL, OD_SUCCESS, OD_TOTAL } from './cells.ts'
import { latencyBucket } from './latency/buckets.ts'
import { type OutlierPlan, type OutlierSetting, outlierSetting } from './outlier-plan.ts'

/** Failures in a row, across all workers, have reached their number; main decides what comes of it. */
export type ConsecutiveKind = 'CONSECUTIVE_5XX' | 'CONSECUTIVE_GATEWAY_FAILURE' | 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE'

export class HostRecorder {
  readonly watchesLatency: boolean
  readonly detectsDegraded: boolean
  readonly errorMatcher: OutlierPlan['errorMatcher']
  private readonly plan: OutlierPlan
  private readonly runtime: ThreadContext['runtime']
  /** ROW_* cells: what is counted across workers. */
  private readonly row: Int32Array
  /** OD_* cells: this worker's own. */
  private readonly cells: Int32Array
  private readonly onConsecutive: (kind: ConsecutiveKind) => void

  constructor(
    plan: OutlierPlan,
    runtime: ThreadContext['runtime'],
    row: Int32Array,
    cells: Int32Array,
    onConsecutive: (kind: ConsecutiveKind) => void,
  ) {
    this.plan = plan
    this.runtime = runtime
    this.row = row
    this.cells = cells
    this.onConsecutive = onConsecutive
    this.watchesLatency = plan.latency !== null
    this.detectsDegraded = plan.detectDegraded
    this.errorMatcher = plan.errorMatcher
  }

  /** An answer of the host, by HTTP status; what is no HTTP says 500 for a failure. */
  putStatus(status: number): void {
    const { cells, row } = this
    cells[OD_TOTAL]! += 1
    if (status < 500 || status > 599) {
      cells[OD_SUCCESS]! += 1
      // Mostly they are 0 already, and reading them is cheaper than taking the line from the other workers.
      if (row[ROW_CONSECUTIVE_5XX] !== 0) Atomics.store(row, ROW_CONSECUTIVE_5XX, 0)
      if (row[ROW_CONSECUTIVE_GATEWAY] !== 0) Atomics.store(row, ROW_CONSECUTIVE_GATEWAY, 0)
      return
    }
    if (status >= 502 && status <= 504) {
      this.count(ROW_CONSECUTIVE_GATEWAY, 'consecutive_gateway_failure', 'CONSECUTIVE_GATEWAY_FAILURE')
    } else Atomics.store(row, ROW_CONSECUTIVE_GATEWAY, 0)
    this.count(ROW_CONSECUTIVE_5XX, 'consecutive_5xx', 'CONSECUTIVE_5XX')
  }

  private count(slot: number, setting: OutlierSetting, kind: ConsecutiveKind): void {
    const { row } = this
    if (Atomics.add(row, slot, 1) + 1 !== outlierSetting(this.plan, this.runtime.snapshot, setting)) return
    // Counting begins anew, so that a host that stays is detected again after as many more.
    Atomics.store(row, slot, 0)
    // Nothing more comes of it while the host is out; in panic it still gets traffic.
    if (((row[ROW_HEALTH_FLAGS] as number) & FailedOutlierCheck) === 0) this.onConsecutive(kind)
  }

  /** The host could not be reached, or broke the stream. */
  putConnectFailure(): void {
    if (this.plan.splitLocalOrigin) this.putLocalFailure()
    else this.putStatus(503)
  }

  /** `status`: what the client is told. */
  putTimeout(status: number): void {
    if (this.plan.splitLocalOrigin) this.putLocalFailure()
    else this.putStatus(status)
  }

  private putLocalFailure(): void {
    this.cells[OD_LOCAL_TOTAL]! += 1
    this.count(ROW_CONSECUTIVE_LOCAL, 'consecutive_local_origin_failure', 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE')
  }

  /** A connection stands. `final`: it is all there is to be had of the host, as over TCP. */
  putConnected(final: boolean): void {
    if (!this.plan.splitLocalOrigin) {
      if (final) this.putStatus(200)
      return
    }
    const { cells, row } = this
    cells[OD_LOCAL_TOTAL]! += 1
    cells[OD_LOCAL_SUCCESS]! += 1
    if (row[ROW_CONSECUTIVE_LOCAL] !== 0) Atomics.store(row, ROW_CONSECUTIVE_LOCAL, 0)
  }

  /** How long the host took to begin its answer, or was waited for. */
  putLatency(ms: number): void {
    this.cells[OD_LATENCY + latencyBucket(ms)]! += 1
  }
}
