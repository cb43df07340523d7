import { declareSupport } from '../support.ts'
import { NOT_WATCHED } from './reasons.ts'

const CORE = 'envoy.config.core.v3'

declareSupport(`${CORE}.Address`, {
  supported: ['socket_address', 'pipe'],
  refused: { envoy_internal_address: 'internal listeners are not supported by this release; use a pipe' },
})

declareSupport(`${CORE}.SocketAddress`, {
  supported: ['protocol', 'address', 'port_value'],
  refused: {
    named_port: 'ports are numbers here; use port_value',
    resolver_name: 'custom resolvers are not supported by this release',
    ipv4_compat: "listen on '::' without it, or on an IPv4 and an IPv6 address with additional_addresses",
    network_namespace_filepath: 'Node.js cannot open sockets in another network namespace',
  },
})

declareSupport(`${CORE}.Pipe`, { supported: ['path', 'mode'] })

declareSupport(`${CORE}.DataSource`, {
  supported: ['filename', 'inline_bytes', 'inline_string', 'environment_variable'],
  refused: { watched_directory: NOT_WATCHED },
})

declareSupport(`${CORE}.Node`, {
  supported: [
    'id',
    'cluster',
    'metadata',
    'locality',
    'user_agent_name',
    'user_agent_version',
    'user_agent_build_version',
    'dynamic_parameters',
    'extensions',
    'client_features',
    'listening_addresses',
  ],
})

declareSupport(`${CORE}.Extension`, {
  supported: ['name', 'category', 'type_descriptor', 'version', 'disabled', 'type_urls'],
})
declareSupport('xds.core.v3.ContextParams', { supported: ['params'] })
declareSupport(`${CORE}.BuildVersion`, { supported: ['version', 'metadata'] })
declareSupport(`${CORE}.Locality`, { supported: ['region', 'zone', 'sub_zone'] })

declareSupport(`${CORE}.Metadata`, {
  supported: ['filter_metadata'],
  accepted: { typed_filter_metadata: 'nothing in this release reads typed metadata' },
})

declareSupport(`${CORE}.RuntimeFractionalPercent`, { supported: ['default_value', 'runtime_key'] })
declareSupport(`${CORE}.RuntimeFeatureFlag`, { supported: ['default_value', 'runtime_key'] })
declareSupport(`${CORE}.RuntimeDouble`, { supported: ['default_value', 'runtime_key'] })
declareSupport(`${CORE}.RuntimeUInt32`, { supported: ['default_value', 'runtime_key'] })
declareSupport(`${CORE}.RuntimePercent`, { supported: ['default_value', 'runtime_key'] })
declareSupport(`${CORE}.TypedExtensionConfig`, { supported: ['name', 'typed_config'] })

declareSupport(`${CORE}.CidrRange`, { supported: ['address_prefix', 'prefix_len'] })

// Only the plaintext socket has a declared config, so that any other transport socket is refused by its type.
declareSupport(`${CORE}.TransportSocket`, { supported: ['name', 'typed_config'] })
declareSupport('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', { supported: [] })

declareSupport(`${CORE}.BackoffStrategy`, { supported: ['base_interval', 'max_interval'] })

declareSupport(`${CORE}.ConfigSource`, {
  supported: [
    'path',
    'path_config_source',
    'api_config_source',
    'ads',
    'initial_fetch_timeout',
    'resource_api_version',
  ],
  values: { resource_api_version: { V2: 'there is one version of the API, V3' } },
  refused: {
    self: 'say where the resources come from: ads, api_config_source or path_config_source',
    authorities: 'authorities belong to xdstp names, which are not supported by this release',
  },
})
declareSupport(`${CORE}.AggregatedConfigSource`, { supported: [] })
const NO_COLLECTIONS = 'collections with xdstp names are not supported by this release; use GRPC or DELTA_GRPC with ads'
declareSupport(`${CORE}.ApiConfigSource`, {
  supported: [
    'api_type',
    'transport_api_version',
    'cluster_names',
    'grpc_services',
    'refresh_delay',
    'request_timeout',
    'rate_limit_settings',
    'set_node_on_first_message_only',
  ],
  values: {
    api_type: {
      DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE: 'there is one version of the API, V3; use GRPC',
      AGGREGATED_GRPC: NO_COLLECTIONS,
      AGGREGATED_DELTA_GRPC: NO_COLLECTIONS,
    },
  },
  refused: { config_validators: 'there are no validators besides the ones every resource passes' },
})
declareSupport(`${CORE}.RateLimitSettings`, { supported: ['max_tokens', 'fill_rate'] })
declareSupport(`${CORE}.PathConfigSource`, {
  supported: ['path'],
  accepted: {
    watched_directory: 'the file is watched, whichever way it is replaced',
    poll_interval: 'moves are noticed at once, anything else by looking four times a second',
  },
})
declareSupport(`${CORE}.WatchedDirectory`, {
  supported: ['path'],
  accepted: { watch_modify: 'files written in place are noticed as well' },
})
