import { statTemplate } from '../../../observability/index.ts'

/** `redis.<stat_prefix>.` */
export const REDIS_STATS = statTemplate({
  counters: [
    'downstream_cx_drain_close',
    'downstream_cx_protocol_error',
    'downstream_cx_rx_bytes_total',
    'downstream_cx_total',
    'downstream_cx_tx_bytes_total',
    'downstream_rq_noproto',
    'downstream_rq_total',
    'splitter.invalid_request',
    'splitter.unsupported_command',
  ],
  gauges: [
    'downstream_cx_active',
    'downstream_cx_rx_bytes_buffered',
    'downstream_cx_tx_bytes_buffered',
    'downstream_rq_active',
  ],
})
export const CX_DRAIN_CLOSE = REDIS_STATS.slot('downstream_cx_drain_close')
export const CX_PROTOCOL_ERROR = REDIS_STATS.slot('downstream_cx_protocol_error')
export const CX_RX_BYTES = REDIS_STATS.slot('downstream_cx_rx_bytes_total')
export const CX_TOTAL = REDIS_STATS.slot('downstream_cx_total')
export const CX_TX_BYTES = REDIS_STATS.slot('downstream_cx_tx_bytes_total')
export const CX_ACTIVE = REDIS_STATS.slot('downstream_cx_active')
export const RQ_NOPROTO = REDIS_STATS.slot('downstream_rq_noproto')
export const RQ_TOTAL = REDIS_STATS.slot('downstream_rq_total')
export const RQ_ACTIVE = REDIS_STATS.slot('downstream_rq_active')
export const INVALID_REQUEST = REDIS_STATS.slot('splitter.invalid_request')
export const UNSUPPORTED_COMMAND = REDIS_STATS.slot('splitter.unsupported_command')

/** `redis.<stat_prefix>.command.<command>.` */
export const COMMAND_STATS = statTemplate({
  counters: ['delay_fault', 'error', 'error_fault', 'success', 'total'],
  histograms: ['latency'],
})
export const DELAY_FAULT = COMMAND_STATS.slot('delay_fault')
export const COMMAND_ERROR = COMMAND_STATS.slot('error')
export const ERROR_FAULT = COMMAND_STATS.slot('error_fault')
export const COMMAND_SUCCESS = COMMAND_STATS.slot('success')
export const COMMAND_TOTAL = COMMAND_STATS.slot('total')
export const COMMAND_LATENCY = COMMAND_STATS.slot('latency')

/** `cluster.<name>.redis_cluster.`, of every cluster that a proxy routes to. */
export const POOL_STATS = statTemplate({
  counters: [
    'connection_rate_limited',
    'max_upstream_unknown_connections_reached',
    'upstream_cx_drained',
    'upstream_resp3_hello_failure',
  ],
  histograms: ['upstream_commands.upstream_rq_time'],
})
export const CONNECTION_RATE_LIMITED = POOL_STATS.slot('connection_rate_limited')
export const MAX_UNKNOWN_REACHED = POOL_STATS.slot('max_upstream_unknown_connections_reached')
export const CX_DRAINED = POOL_STATS.slot('upstream_cx_drained')
export const HELLO_FAILURE = POOL_STATS.slot('upstream_resp3_hello_failure')
export const UPSTREAM_RQ_TIME = POOL_STATS.slot('upstream_commands.upstream_rq_time')

/** `cluster.<name>.redis_cluster.upstream_commands.<command>.`, with enable_command_stats. */
export const UPSTREAM_COMMAND_STATS = statTemplate({
  counters: ['failure', 'success', 'total'],
  histograms: ['latency'],
})
export const UPSTREAM_FAILURE = UPSTREAM_COMMAND_STATS.slot('failure')
export const UPSTREAM_SUCCESS = UPSTREAM_COMMAND_STATS.slot('success')
export const UPSTREAM_TOTAL = UPSTREAM_COMMAND_STATS.slot('total')
export const UPSTREAM_LATENCY = UPSTREAM_COMMAND_STATS.slot('latency')
