import { statTemplate } from '../../../observability/index.ts'

/** `http.<stat_prefix>.ext_proc.` */
export const EXT_PROC_STATS = statTemplate({
  counters: [
    'streams_started',
    'stream_msgs_sent',
    'stream_msgs_received',
    'spurious_msgs_received',
    'streams_closed',
    'streams_failed',
    'failure_mode_allowed',
    'message_timeouts',
    'rejected_header_mutations',
    'override_message_timeout_received',
    'override_message_timeout_ignored',
    'clear_route_cache_ignored',
    'clear_route_cache_disabled',
    'immediate_responses_sent',
    'server_half_closed',
  ],
})

const slot = (name: string): number => EXT_PROC_STATS.slot(name)
export const STREAMS_STARTED = slot('streams_started')
export const MSGS_SENT = slot('stream_msgs_sent')
export const MSGS_RECEIVED = slot('stream_msgs_received')
export const SPURIOUS_MSGS = slot('spurious_msgs_received')
export const STREAMS_CLOSED = slot('streams_closed')
export const STREAMS_FAILED = slot('streams_failed')
export const FAILURE_MODE_ALLOWED = slot('failure_mode_allowed')
export const MESSAGE_TIMEOUTS = slot('message_timeouts')
export const REJECTED_MUTATIONS = slot('rejected_header_mutations')
export const TIMEOUT_RECEIVED = slot('override_message_timeout_received')
export const TIMEOUT_IGNORED = slot('override_message_timeout_ignored')
export const ROUTE_CACHE_IGNORED = slot('clear_route_cache_ignored')
export const ROUTE_CACHE_DISABLED = slot('clear_route_cache_disabled')
export const IMMEDIATE_RESPONSES = slot('immediate_responses_sent')
export const SERVER_HALF_CLOSED = slot('server_half_closed')
