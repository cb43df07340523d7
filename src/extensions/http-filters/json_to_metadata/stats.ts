import { statTemplate } from '../../../observability/index.ts'

export const JSON_STATS = statTemplate({
  counters: ['invalid_json_body', 'mismatched_content_type', 'no_body', 'success'],
})
export const INVALID = JSON_STATS.slot('invalid_json_body')
export const MISMATCHED = JSON_STATS.slot('mismatched_content_type')
export const NO_BODY = JSON_STATS.slot('no_body')
export const SUCCESS = JSON_STATS.slot('success')
