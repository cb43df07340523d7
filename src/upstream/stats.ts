// HOT FILE (docs/hot-path.md): the slots of a cluster's and a host's stats, resolved once at start.
import type { ResetReason } from '../http/index.ts'
import { type StatBlock, statTemplate } from '../observability/index.ts'

const COUNTERS = [
  'upstream_cx_total',
  'upstream_cx_http1_total',
  'upstream_cx_http2_total',
  'upstream_cx_http3_total',
  'upstream_cx_connect_fail',
  'upstream_cx_connect_timeout',
  'upstream_cx_connect_with_0_rtt',
  'upstream_cx_connect_attempts_exceeded',
  'upstream_cx_idle_timeout',
  'upstream_cx_max_duration_reached',
  'upstream_cx_max_requests',
  'upstream_cx_none_healthy',
  'upstream_cx_overflow',
  'upstream_cx_pool_overflow',
  'upstream_cx_protocol_error',
  'upstream_cx_close_notify',
  'upstream_cx_preconnect_skipped',
  'upstream_cx_destroy',
  'upstream_cx_destroy_local',
  'upstream_cx_destroy_remote',
  'upstream_cx_destroy_with_active_rq',
  'upstream_cx_destroy_local_with_active_rq',
  'upstream_cx_destroy_remote_with_active_rq',
  'upstream_cx_rx_bytes_total',
  'upstream_cx_tx_bytes_total',
  'upstream_rq_total',
  'upstream_rq_completed',
  'upstream_rq_pending_total',
  'upstream_rq_active_overflow',
  'upstream_rq_pending_overflow',
  'upstream_rq_pending_failure_eject',
  'upstream_rq_cancelled',
  'upstream_rq_maintenance_mode',
  'upstream_rq_timeout',
  'upstream_rq_max_duration_reached',
  'upstream_rq_per_try_timeout',
  'upstream_rq_per_try_idle_timeout',
  'upstream_rq_rx_reset',
  'upstream_rq_rx_reset_no_error',
  'upstream_rq_tx_reset',
  'upstream_rq_retry',
  'upstream_rq_retry_backoff_exponential',
  'upstream_rq_retry_backoff_ratelimited',
  'upstream_rq_retry_limit_exceeded',
  'upstream_rq_retry_overflow',
  'upstream_rq_retry_success',
  'upstream_rq_0rtt',
  'upstream_flow_control_paused_reading_total',
  'upstream_flow_control_resumed_reading_total',
  'upstream_flow_control_backed_up_total',
  'upstream_flow_control_drained_total',
  'upstream_internal_redirect_failed_total',
  'upstream_internal_redirect_succeeded_total',
  'upstream_http3_broken',
  'retry_or_shadow_abandoned',
  'membership_change',
  'bind_errors',
  'assignment_stale',
  'assignment_timeout_received',
  'assignment_use_cached',
  'update_attempt',
  'update_success',
  'update_failure',
  'update_empty',
  'update_no_rebuild',
  'default.total_match_count',
  'lb_recalculate_zone_structures',
  'lb_healthy_panic',
  'lb_local_cluster_not_ok',
  'lb_zone_cluster_too_small',
  'lb_zone_no_capacity_left',
  'lb_zone_routing_all_directly',
  'lb_zone_routing_sampled',
  'lb_zone_routing_cross_zone',
  'lb_subsets_created',
  'lb_subsets_removed',
  'lb_subsets_selected',
  'lb_subsets_fallback',
  'lb_subsets_fallback_panic',
  'original_dst_host_invalid',
  'upstream_queue_overloaded',
] as const

const GAUGES = [
  'upstream_cx_active',
  'upstream_cx_rx_bytes_buffered',
  'upstream_cx_tx_bytes_buffered',
  'upstream_rq_active',
  'upstream_rq_pending_active',
  'membership_total',
  'membership_healthy',
  'membership_degraded',
  'membership_excluded',
  'max_host_weight',
  'version',
  'warming_state',
  'lb_subsets_active',
  'circuit_breakers.default.cx_open',
  'circuit_breakers.default.cx_pool_open',
  'circuit_breakers.default.rq_open',
  'circuit_breakers.default.rq_pending_open',
  'circuit_breakers.default.rq_retry_open',
  'circuit_breakers.high.cx_open',
  'circuit_breakers.high.cx_pool_open',
  'circuit_breakers.high.rq_open',
  'circuit_breakers.high.rq_pending_open',
  'circuit_breakers.high.rq_retry_open',
] as const

const HISTOGRAMS = ['upstream_cx_connect_ms', 'upstream_cx_length_ms', 'upstream_rq_per_cx'] as const

const REMAINING = ['remaining_cx', 'remaining_pending', 'remaining_rq', 'remaining_retries'] as const

type StatName = (typeof COUNTERS)[number] | (typeof GAUGES)[number] | (typeof HISTOGRAMS)[number]

/** Stats below `cluster.<name>.` (envoy-docs: cluster stats). */
export const CLUSTER_STATS = statTemplate({ counters: COUNTERS, gauges: GAUGES, histograms: HISTOGRAMS })

function slotTable(): Record<StatName, number> {
  const table = {} as Record<StatName, number>
  for (const name of [...COUNTERS, ...GAUGES, ...HISTOGRAMS]) table[name] = CLUSTER_STATS.slot(name)
  return table
}

/** Slot in the cluster's block by stat name; read as `CLUSTER_SLOTS.upstream_rq_total`. */
export const CLUSTER_SLOTS: Readonly<Record<StatName, number>> = fastTable(slotTable())

/** A stream of an HTTP pool that ended without its response, or with a part of it. */
export function countStreamReset(cells: StatBlock['cells'], reason: ResetReason): void {
  if (reason === 'remote_reset') cells[CLUSTER_SLOTS.upstream_rq_rx_reset]! += 1
  else if (reason === 'protocol_error') cells[CLUSTER_SLOTS.upstream_rq_tx_reset]! += 1
  else if (reason === 'connection_termination') cells[CLUSTER_SLOTS.upstream_rq_pending_failure_eject]! += 1
}

/** A table filled by computed keys is a hash table to the engine; parsed from JSON it is a plain object. (5 ns a read) */
function fastTable<T extends object>(table: T): T {
  return Object.freeze(JSON.parse(JSON.stringify(table)))
}

/** Gauges below `cluster.<name>.circuit_breakers.<priority>.` with `track_remaining`. */
export const REMAINING_STATS = statTemplate({ counters: [], gauges: REMAINING, histograms: [] })

/** By resource kind: Connections, PendingRequests, Requests, Retries. */
export const REMAINING_SLOTS: readonly number[] = REMAINING.map(name => REMAINING_STATS.slot(name))

/** Stats below 'cluster_manager.', written by main alone. */
export const CLUSTER_MANAGER_STATS = statTemplate({
  counters: [
    'cluster_added',
    'cluster_modified',
    'cluster_removed',
    'cluster_updated',
    'cluster_updated_via_merge',
    'update_merge_cancelled',
    'update_out_of_merge_window',
  ],
  gauges: ['active_clusters', 'warming_clusters'],
  histograms: [],
})

// Cells of one host in one worker's shared memory (HostCellMemory).
export const HOST_CX_TOTAL = 0
export const HOST_CX_ACTIVE = 1
export const HOST_CX_CONNECT_FAIL = 2
export const HOST_RQ_TOTAL = 3
export const HOST_RQ_ERROR = 4
export const HOST_RQ_SUCCESS = 5
export const HOST_RQ_TIMEOUT = 6
export const HOST_RQ_ACTIVE = 7
export const HOST_RQ_PENDING_ACTIVE = 8
/** What this worker holds of the limits per host (host-limits.ts). */
export const HOST_CX_HELD = 9
export const HOST_RQ_HELD = 10
export const HOST_CELLS = 11
/** In the row of a cluster itself (DROPS_KEY): requests turned away before a host had them; those for overload among them. */
export const DROPS_TOTAL = HOST_RQ_ERROR
export const DROPS_OVERLOAD = HOST_RQ_TIMEOUT

/** The root of a cluster's stats: ':' would read as part of an address in tag extraction, as in Envoy. */
export function clusterStatPrefix(observabilityName: string): string {
  return `cluster.${observabilityName.replaceAll(':', '_')}.`
}
