// HOT FILE (docs/hot-path.md): what traffic to one host tells of it. Hosts that nobody watches have none of this.
import { GRPC_STATUS, type HeaderMap, X_ENVOY_DEGRADED, X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL } from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import type { DnsCacheRequest } from './dns-cache/messages.ts'
import { DegradedOutlierDetection, ExcludedViaImmediateHealthCheckFail } from './health.ts'
import { ROW_HEALTH_FLAGS } from './host-rows.ts'
import { type OutlierCellsReport, outlierCells } from './outlier-detection/cells.ts'
import { type ConsecutiveKind, HostRecorder } from './outlier-detection/host-recorder.ts'

/** Something about a host that main must decide on now. */
export interface HostEvent {
  readonly cluster: string
  readonly key: string
  readonly event: ConsecutiveKind | 'DEGRADED' | 'IMMEDIATE_HEALTH_CHECK_FAIL'
}

export interface HostReports {
  onHostEvent(event: HostEvent): void
  onOutlierCells(report: OutlierCellsReport): void
  onDnsCacheRequest(request: DnsCacheRequest): void
}

/** HTTP statuses of gRPC ones, from 0 (Envoy: Grpc::Utility::grpcToHttpStatus). */
const HTTP_OF_GRPC = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]

export class HostMonitor {
  readonly outlier: HostRecorder | null
  private readonly checked: boolean
  private readonly row: Int32Array
  private readonly report: (event: HostEvent['event']) => void

  constructor(
    outlier: HostRecorder | null,
    checked: boolean,
    row: Int32Array,
    report: (event: HostEvent['event']) => void,
  ) {
    this.outlier = outlier
    this.checked = checked
    this.row = row
    this.report = report
  }

  /** A final response. */
  onResponse(headers: HeaderMap): void {
    if (this.checked && headers.has(X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL)) this.onImmediateFail()
    const { outlier } = this
    if (outlier === null) return
    outlier.putStatus(outlier.errorMatcher === null ? statusOf(headers) : outlier.errorMatcher(headers) ? 500 : 200)
    if (outlier.detectsDegraded && headers.has(X_ENVOY_DEGRADED)) this.onDegraded()
  }

  // What main knows already it is not told again: answers come faster than main should read.

  private onImmediateFail(): void {
    const flags = this.row[ROW_HEALTH_FLAGS] as number
    if ((flags & ExcludedViaImmediateHealthCheckFail) === 0) this.report('IMMEDIATE_HEALTH_CHECK_FAIL')
  }

  private onDegraded(): void {
    if (((this.row[ROW_HEALTH_FLAGS] as number) & DegradedOutlierDetection) === 0) this.report('DEGRADED')
  }
}

/** A gRPC answer that tells its status only in trailers has counted as a success by then, as in Envoy. */
function statusOf(headers: HeaderMap): number {
  if (!headers.has(GRPC_STATUS)) return headers.status
  return HTTP_OF_GRPC[Number(headers.get(GRPC_STATUS))] ?? 500
}

/** Makes the monitors of one worker. */
export class HostMonitors {
  private readonly thread: ThreadContext
  private readonly reports: HostReports

  constructor(thread: ThreadContext, reports: HostReports) {
    this.thread = thread
    this.reports = reports
  }

  /** Null where the cluster's plan has nobody look at its hosts. */
  create({ name, outlierDetection, healthChecks }: ClusterPlan, key: string, row: Int32Array): HostMonitor | null {
    if (outlierDetection === null && healthChecks.length === 0) return null
    const report = (event: HostEvent['event']): void => this.reports.onHostEvent({ cluster: name, key, event })
    let recorder: HostRecorder | null = null
    if (outlierDetection !== null) {
      const count = outlierCells(outlierDetection.latency !== null)
      const cells = new Int32Array(new SharedArrayBuffer(count * 4))
      recorder = new HostRecorder(outlierDetection, this.thread.runtime, row, cells, report)
      this.reports.onOutlierCells({ cluster: name, key, workerIndex: this.thread.workerIndex, cells })
    }
    return new HostMonitor(recorder, healthChecks.length > 0, row, report)
  }
}
