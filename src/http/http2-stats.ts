import { statTemplate } from '../observability/index.ts'

/** `http2.` and `cluster.<name>.http2.`: the codec's own stats, as Envoy names them. */
export const HTTP2_STATS = statTemplate({
  counters: [
    'cookies_total_bytes_too_large',
    'dropped_headers_with_underscores',
    'goaway_sent',
    'header_list_size_too_large',
    'header_overflow',
    'headers_cb_no_stream',
    'inbound_empty_frames_flood',
    'inbound_priority_frames_flood',
    'inbound_window_update_frames_flood',
    'keepalive_timeout',
    'metadata_empty_frames',
    'outbound_control_flood',
    'outbound_flood',
    'requests_rejected_with_underscores_in_headers',
    'rx_messaging_error',
    'rx_reset',
    'stream_refused_errors',
    'trailers',
    'tx_flush_timeout',
    'tx_reset',
  ],
  gauges: [
    'deferred_stream_close',
    'outbound_control_frames_active',
    'outbound_frames_active',
    'pending_send_bytes',
    'streams_active',
  ],
  histograms: [],
})

const slot = (name: string): number => HTTP2_STATS.slot(name)

export const HTTP2_DROPPED_UNDERSCORES = slot('dropped_headers_with_underscores')
export const HTTP2_GOAWAY_SENT = slot('goaway_sent')
export const HTTP2_LIST_TOO_LARGE = slot('header_list_size_too_large')
export const HTTP2_HEADER_OVERFLOW = slot('header_overflow')
export const HTTP2_EMPTY_FRAMES_FLOOD = slot('inbound_empty_frames_flood')
export const HTTP2_PRIORITY_FLOOD = slot('inbound_priority_frames_flood')
export const HTTP2_WINDOW_UPDATE_FLOOD = slot('inbound_window_update_frames_flood')
export const HTTP2_KEEPALIVE_TIMEOUT = slot('keepalive_timeout')
export const HTTP2_CONTROL_FLOOD = slot('outbound_control_flood')
export const HTTP2_OUTBOUND_FLOOD = slot('outbound_flood')
export const HTTP2_REJECTED_UNDERSCORES = slot('requests_rejected_with_underscores_in_headers')
export const HTTP2_MESSAGING_ERROR = slot('rx_messaging_error')
export const HTTP2_RX_RESET = slot('rx_reset')
export const HTTP2_REFUSED_STREAMS = slot('stream_refused_errors')
export const HTTP2_TRAILERS = slot('trailers')
export const HTTP2_FLUSH_TIMEOUT = slot('tx_flush_timeout')
export const HTTP2_TX_RESET = slot('tx_reset')
export const HTTP2_PENDING_SEND_BYTES = slot('pending_send_bytes')
export const HTTP2_STREAMS_ACTIVE = slot('streams_active')
