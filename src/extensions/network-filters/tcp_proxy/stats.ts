import { statTemplate } from '../../../observability/index.ts'

/** `tcp.<stat_prefix>.` */
export const TCP_STATS = statTemplate({
  counters: [
    'downstream_cx_total',
    'downstream_cx_no_route',
    'downstream_cx_rx_bytes_total',
    'downstream_cx_tx_bytes_total',
    'downstream_flow_control_paused_reading_total',
    'downstream_flow_control_resumed_reading_total',
    'early_data_received_count_total',
    'idle_timeout',
    'max_downstream_connection_duration',
    'on_demand_cluster_attempt',
    'on_demand_cluster_missing',
    'on_demand_cluster_success',
    'on_demand_cluster_timeout',
    'upstream_flush_total',
  ],
  gauges: ['downstream_cx_rx_bytes_buffered', 'downstream_cx_tx_bytes_buffered', 'upstream_flush_active'],
  histograms: [],
})

export const CX_TOTAL = TCP_STATS.slot('downstream_cx_total')
export const CX_NO_ROUTE = TCP_STATS.slot('downstream_cx_no_route')
export const CX_RX_BYTES = TCP_STATS.slot('downstream_cx_rx_bytes_total')
export const CX_TX_BYTES = TCP_STATS.slot('downstream_cx_tx_bytes_total')
export const PAUSED_READING = TCP_STATS.slot('downstream_flow_control_paused_reading_total')
export const RESUMED_READING = TCP_STATS.slot('downstream_flow_control_resumed_reading_total')
export const EARLY_DATA = TCP_STATS.slot('early_data_received_count_total')
export const IDLE_TIMEOUT = TCP_STATS.slot('idle_timeout')
export const MAX_DURATION = TCP_STATS.slot('max_downstream_connection_duration')
export const UPSTREAM_FLUSH_TOTAL = TCP_STATS.slot('upstream_flush_total')
export const UPSTREAM_FLUSH_ACTIVE = TCP_STATS.slot('upstream_flush_active')
