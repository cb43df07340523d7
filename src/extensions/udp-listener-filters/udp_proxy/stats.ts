import { statTemplate } from '../../../observability/index.ts'

/** `udp.<stat_prefix>.` */
export const UDP_STATS = statTemplate({
  counters: [
    'downstream_sess_no_route',
    'downstream_sess_rx_bytes',
    'downstream_sess_rx_datagrams',
    'downstream_sess_rx_errors',
    'downstream_sess_total',
    'downstream_sess_tx_bytes',
    'downstream_sess_tx_datagrams',
    'downstream_sess_tx_errors',
    'idle_timeout',
    'session_filter_config_missing',
  ],
  gauges: ['downstream_sess_active'],
  histograms: [],
})

/** `cluster.<name>.udp.` */
export const UDP_CLUSTER_STATS = statTemplate({
  counters: [
    'sess_rx_datagrams',
    'sess_rx_datagrams_dropped',
    'sess_rx_errors',
    'sess_tunnel_buffer_overflow',
    'sess_tunnel_failure',
    'sess_tunnel_success',
    'sess_tx_datagrams',
    'sess_tx_errors',
  ],
  gauges: [],
  histograms: [],
})

export const NO_ROUTE = UDP_STATS.slot('downstream_sess_no_route')
export const RX_BYTES = UDP_STATS.slot('downstream_sess_rx_bytes')
export const RX_DATAGRAMS = UDP_STATS.slot('downstream_sess_rx_datagrams')
export const RX_ERRORS = UDP_STATS.slot('downstream_sess_rx_errors')
export const TOTAL = UDP_STATS.slot('downstream_sess_total')
export const TX_BYTES = UDP_STATS.slot('downstream_sess_tx_bytes')
export const TX_DATAGRAMS = UDP_STATS.slot('downstream_sess_tx_datagrams')
export const TX_ERRORS = UDP_STATS.slot('downstream_sess_tx_errors')
export const IDLE_TIMEOUT = UDP_STATS.slot('idle_timeout')
export const ACTIVE = UDP_STATS.slot('downstream_sess_active')

export const SESS_RX_DATAGRAMS = UDP_CLUSTER_STATS.slot('sess_rx_datagrams')
export const SESS_RX_DROPPED = UDP_CLUSTER_STATS.slot('sess_rx_datagrams_dropped')
export const SESS_RX_ERRORS = UDP_CLUSTER_STATS.slot('sess_rx_errors')
export const SESS_TX_DATAGRAMS = UDP_CLUSTER_STATS.slot('sess_tx_datagrams')
export const SESS_TX_ERRORS = UDP_CLUSTER_STATS.slot('sess_tx_errors')
