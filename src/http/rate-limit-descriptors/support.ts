import { declareSupport } from '../../config/index.ts'

const RATE_LIMIT = 'envoy.config.route.v3.RateLimit'
const NO_LOCALITY_METADATA = 'metadata of localities is not kept; put it on the cluster and use CLUSTER_ENTRY'
const NOT_FORMATTED = 'Envoy reads it only behind a feature flag that formats descriptor_value; remove it'

declareSupport(RATE_LIMIT, {
  supported: ['stage', 'disable_key', 'actions', 'limit', 'hits_addend', 'apply_on_stream_done', 'x_ratelimit_option'],
})
declareSupport(`${RATE_LIMIT}.Action`, {
  supported: [
    'source_cluster',
    'destination_cluster',
    'request_headers',
    'remote_address',
    'generic_key',
    'header_value_match',
    'dynamic_metadata',
    'metadata',
    'masked_remote_address',
    'query_parameter_value_match',
    'query_parameters',
    'remote_address_match',
    'extension',
  ],
})
declareSupport(`${RATE_LIMIT}.Action.SourceCluster`, { supported: [] })
declareSupport(`${RATE_LIMIT}.Action.DestinationCluster`, { supported: [] })
declareSupport(`${RATE_LIMIT}.Action.RemoteAddress`, { supported: [] })
declareSupport(`${RATE_LIMIT}.Action.RequestHeaders`, {
  supported: ['header_name', 'descriptor_key', 'skip_if_absent'],
})
declareSupport(`${RATE_LIMIT}.Action.QueryParameters`, {
  supported: ['query_parameter_name', 'descriptor_key', 'skip_if_absent'],
})
declareSupport(`${RATE_LIMIT}.Action.MaskedRemoteAddress`, { supported: ['v4_prefix_mask_len', 'v6_prefix_mask_len'] })
declareSupport(`${RATE_LIMIT}.Action.GenericKey`, {
  supported: ['descriptor_value', 'descriptor_key'],
  accepted: { default_value: NOT_FORMATTED },
})
declareSupport(`${RATE_LIMIT}.Action.HeaderValueMatch`, {
  supported: ['descriptor_key', 'descriptor_value', 'expect_match', 'headers'],
  accepted: { default_value: NOT_FORMATTED },
})
declareSupport(`${RATE_LIMIT}.Action.QueryParameterValueMatch`, {
  supported: ['descriptor_key', 'descriptor_value', 'expect_match', 'query_parameters'],
  accepted: { default_value: NOT_FORMATTED },
})
declareSupport(`${RATE_LIMIT}.Action.RemoteAddressMatch`, {
  supported: ['descriptor_value', 'descriptor_key', 'default_value', 'address_matcher'],
})
declareSupport(`${RATE_LIMIT}.Action.DynamicMetaData`, {
  supported: ['descriptor_key', 'metadata_key', 'default_value'],
})
declareSupport(`${RATE_LIMIT}.Action.MetaData`, {
  supported: ['descriptor_key', 'metadata_key', 'default_value', 'source', 'skip_if_absent'],
  values: { source: { CLUSTER_LOCALITY_ENTRY: NO_LOCALITY_METADATA } },
})
declareSupport(`${RATE_LIMIT}.Override`, { supported: ['dynamic_metadata', 'rate_limit'] })
declareSupport(`${RATE_LIMIT}.Override.DynamicMetadata`, { supported: ['metadata_key'] })
declareSupport(`${RATE_LIMIT}.Override.RateLimitOverride`, { supported: ['requests_per_unit', 'unit'] })
declareSupport(`${RATE_LIMIT}.HitsAddend`, { supported: ['number', 'format', 'is_negative_hits'] })
declareSupport('envoy.type.matcher.v3.AddressMatcher', { supported: ['ranges', 'invert_match'] })
declareSupport('xds.core.v3.CidrRange', { supported: ['address_prefix', 'prefix_len'] })
declareSupport('envoy.type.metadata.v3.MetadataKey', { supported: ['key', 'path'] })
declareSupport('envoy.type.metadata.v3.MetadataKey.PathSegment', { supported: ['key', 'index'] })
