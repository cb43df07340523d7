import { statTemplate } from '../../../observability/index.ts'

export const TRANSCODER_STATS = statTemplate({
  gauges: ['transcoder_request_buffer_bytes', 'transcoder_response_buffer_bytes'],
})
export const REQUEST_BUFFER = TRANSCODER_STATS.slot('transcoder_request_buffer_bytes')
export const RESPONSE_BUFFER = TRANSCODER_STATS.slot('transcoder_response_buffer_bytes')
