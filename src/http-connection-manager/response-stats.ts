// HOT FILE (docs/hot-path.md): one call per response.
import { HttpStats as S } from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { ConnectionManager } from './connection-manager.ts'

/** Counts a finished response, of the manager and of its listener. */
export function chargeResponse({ cells, stats, listenerStats }: ConnectionManager, info: StreamInfo): void {
  if (info.healthCheck) {
    cells[S.TRACING_HEALTH_CHECK]! += 1
    return
  }
  const { responseCode } = info
  if (responseCode > 0) {
    cells[S.RQ_COMPLETED]! += 1
    listenerStats.cells[S.LISTENER_RQ_COMPLETED]! += 1
  }
  if (responseCode >= 100 && responseCode < 600) {
    const hundred = ((responseCode / 100) | 0) - 1
    cells[S.RQ_1XX + hundred]! += 1
    listenerStats.cells[S.LISTENER_RQ_1XX + hundred]! += 1
  }
  stats.http.histogram(S.RQ_TIME).record(info.endUs / 1000)
}

/** Counts an informational response. */
export function chargeInterim({ cells, listenerStats }: ConnectionManager): void {
  cells[S.RQ_COMPLETED]! += 1
  cells[S.RQ_1XX]! += 1
  listenerStats.cells[S.LISTENER_RQ_COMPLETED]! += 1
  listenerStats.cells[S.LISTENER_RQ_1XX]! += 1
}
