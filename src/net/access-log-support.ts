import { declareSupport } from '../config/index.ts'

const ACCESS_LOG = 'envoy.config.accesslog.v3'

declareSupport(`${ACCESS_LOG}.AccessLog`, { supported: ['name', 'filter', 'typed_config'] })
declareSupport(`${ACCESS_LOG}.AccessLogFilter`, {
  supported: [
    'status_code_filter',
    'duration_filter',
    'not_health_check_filter',
    'runtime_filter',
    'and_filter',
    'or_filter',
    'header_filter',
    'response_flag_filter',
    'grpc_status_filter',
    'metadata_filter',
    'log_type_filter',
    'traceable_filter',
    'extension_filter',
  ],
})
declareSupport(`${ACCESS_LOG}.ExtensionFilter`, { supported: ['name', 'typed_config'] })
declareSupport('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', {
  supported: ['expression', 'cel_config'],
})
declareSupport(`${ACCESS_LOG}.ComparisonFilter`, { supported: ['op', 'value'] })
declareSupport(`${ACCESS_LOG}.StatusCodeFilter`, { supported: ['comparison'] })
declareSupport(`${ACCESS_LOG}.DurationFilter`, { supported: ['comparison'] })
declareSupport(`${ACCESS_LOG}.NotHealthCheckFilter`, { supported: [] })
declareSupport(`${ACCESS_LOG}.TraceableFilter`, { supported: [] })
declareSupport(`${ACCESS_LOG}.RuntimeFilter`, {
  supported: ['runtime_key', 'percent_sampled', 'use_independent_randomness'],
})
declareSupport(`${ACCESS_LOG}.AndFilter`, { supported: ['filters'] })
declareSupport(`${ACCESS_LOG}.OrFilter`, { supported: ['filters'] })
declareSupport(`${ACCESS_LOG}.HeaderFilter`, { supported: ['header'] })
declareSupport(`${ACCESS_LOG}.ResponseFlagFilter`, { supported: ['flags'] })
declareSupport(`${ACCESS_LOG}.GrpcStatusFilter`, { supported: ['statuses', 'exclude'] })
declareSupport(`${ACCESS_LOG}.MetadataFilter`, { supported: ['matcher', 'match_if_key_not_found'] })
declareSupport(`${ACCESS_LOG}.LogTypeFilter`, { supported: ['types', 'exclude'] })
