import { statTemplate } from '../../../observability/index.ts'

export const HEADER_STATS = statTemplate({
  counters: [
    'request_rules_processed',
    'request_metadata_added',
    'request_header_not_found',
    'response_rules_processed',
    'response_metadata_added',
    'response_header_not_found',
    'base64_decode_failed',
    'header_value_too_long',
    'regex_substitution_failed',
  ],
})

/** Slots of one direction. */
export interface DirectionSlots {
  readonly processed: number
  readonly added: number
  readonly notFound: number
}

const slotsOf = (direction: 'request' | 'response'): DirectionSlots => ({
  processed: HEADER_STATS.slot(`${direction}_rules_processed`),
  added: HEADER_STATS.slot(`${direction}_metadata_added`),
  notFound: HEADER_STATS.slot(`${direction}_header_not_found`),
})

export const REQUEST = slotsOf('request')
export const RESPONSE = slotsOf('response')
export const BASE64_FAILED = HEADER_STATS.slot('base64_decode_failed')
export const TOO_LONG = HEADER_STATS.slot('header_value_too_long')
export const REWRITE_FAILED = HEADER_STATS.slot('regex_substitution_failed')
