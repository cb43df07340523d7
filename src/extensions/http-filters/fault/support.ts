import { declareSupport } from '../../../config/index.ts'

const FAULT = 'envoy.extensions.filters.http.fault.v3'
const COMMON = 'envoy.extensions.filters.common.fault.v3'

declareSupport(`${FAULT}.HTTPFault`, {
  supported: [
    'delay',
    'abort',
    'upstream_cluster',
    'headers',
    'downstream_nodes',
    'max_active_faults',
    'response_rate_limit',
    'delay_percent_runtime',
    'abort_percent_runtime',
    'delay_duration_runtime',
    'abort_http_status_runtime',
    'max_active_faults_runtime',
    'response_rate_limit_percent_runtime',
    'abort_grpc_status_runtime',
    'disable_downstream_cluster_stats',
    'filter_metadata',
  ],
})
declareSupport(`${FAULT}.FaultAbort`, {
  supported: ['http_status', 'grpc_status', 'header_abort', 'percentage', 'response_body'],
})
declareSupport(`${FAULT}.FaultAbort.HeaderAbort`, { supported: [] })
declareSupport(`${COMMON}.FaultDelay`, { supported: ['fixed_delay', 'header_delay', 'percentage'] })
declareSupport(`${COMMON}.FaultDelay.HeaderDelay`, { supported: [] })
declareSupport(`${COMMON}.FaultRateLimit`, { supported: ['fixed_limit', 'header_limit', 'percentage'] })
declareSupport(`${COMMON}.FaultRateLimit.FixedLimit`, { supported: ['limit_kbps'] })
declareSupport(`${COMMON}.FaultRateLimit.HeaderLimit`, { supported: [] })
