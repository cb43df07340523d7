import type { ThreadContext } from '../net/index.ts'
import { statTemplate } from '../observability/index.ts'

/** `listener.<address>.`, see Envoy's "Listener statistics". */
export const LISTENER_STATS = statTemplate({
  counters: [
    'downstream_cx_total',
    'downstream_cx_destroy',
    'downstream_cx_overflow',
    'downstream_cx_overload_reject',
    'downstream_cx_transport_socket_connect_timeout',
    'downstream_global_cx_overflow',
    'downstream_pre_cx_timeout',
    'downstream_listener_filter_remote_close',
    'downstream_listener_filter_error',
    'extension_config_missing',
    'network_extension_config_missing',
    'global_cx_overflow',
    'no_filter_chain_match',
  ],
  gauges: ['downstream_cx_active', 'downstream_pre_cx_active'],
  histograms: ['downstream_cx_length_ms', 'connections_accepted_per_socket_event'],
})

/** `listener.<address>.worker_<n>.` */
export const LISTENER_WORKER_STATS = statTemplate({
  counters: ['downstream_cx_total'],
  gauges: ['downstream_cx_active'],
  histograms: [],
})

/** `listener.<address>.udp.` */
export const UDP_LISTENER_STATS = statTemplate({
  counters: ['downstream_rx_datagram_dropped'],
  gauges: [],
  histograms: [],
})

/** Names a thread in LISTENER_WORKER_STATS. */
export function placeOf({ workerIndex }: ThreadContext): string {
  return workerIndex < 0 ? 'main_thread' : `worker_${workerIndex}`
}

export const RX_DATAGRAM_DROPPED = UDP_LISTENER_STATS.slot('downstream_rx_datagram_dropped')
export const TRANSPORT_TIMEOUT = LISTENER_STATS.slot('downstream_cx_transport_socket_connect_timeout')
export const CX_TOTAL = LISTENER_STATS.slot('downstream_cx_total')
export const CX_DESTROY = LISTENER_STATS.slot('downstream_cx_destroy')
export const CX_OVERFLOW = LISTENER_STATS.slot('downstream_cx_overflow')
export const CX_OVERLOAD_REJECT = LISTENER_STATS.slot('downstream_cx_overload_reject')
export const GLOBAL_CX_OVERFLOW = LISTENER_STATS.slot('downstream_global_cx_overflow')
export const PRE_CX_TIMEOUT = LISTENER_STATS.slot('downstream_pre_cx_timeout')
export const LISTENER_FILTER_REMOTE_CLOSE = LISTENER_STATS.slot('downstream_listener_filter_remote_close')
export const LISTENER_FILTER_ERROR = LISTENER_STATS.slot('downstream_listener_filter_error')
export const NO_FILTER_CHAIN_MATCH = LISTENER_STATS.slot('no_filter_chain_match')
export const CX_ACTIVE = LISTENER_STATS.slot('downstream_cx_active')
export const PRE_CX_ACTIVE = LISTENER_STATS.slot('downstream_pre_cx_active')
export const CX_LENGTH_MS = LISTENER_STATS.slot('downstream_cx_length_ms')
export const WORKER_CX_TOTAL = LISTENER_WORKER_STATS.slot('downstream_cx_total')
export const WORKER_CX_ACTIVE = LISTENER_WORKER_STATS.slot('downstream_cx_active')
