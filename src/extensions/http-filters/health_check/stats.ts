import { statTemplate } from '../../../observability/index.ts'

export const HEALTH_CHECK_STATS = statTemplate({
  counters: [
    'cached_response',
    'degraded',
    'failed',
    'failed_cluster_empty',
    'failed_cluster_not_found',
    'failed_cluster_unhealthy',
    'ok',
    'request_total',
  ],
})
const slot = (name: string): number => HEALTH_CHECK_STATS.slot(name)

export const CACHED_RESPONSE = slot('cached_response')
export const DEGRADED = slot('degraded')
export const FAILED = slot('failed')
export const FAILED_CLUSTER_EMPTY = slot('failed_cluster_empty')
export const FAILED_CLUSTER_NOT_FOUND = slot('failed_cluster_not_found')
export const FAILED_CLUSTER_UNHEALTHY = slot('failed_cluster_unhealthy')
export const OK = slot('ok')
export const REQUEST_TOTAL = slot('request_total')
