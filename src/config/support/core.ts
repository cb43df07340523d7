import { declareSupport } from '../support.ts'
import { NOT_WATCHED } from './reasons.ts'

const CORE = 'envoy.config.core.v3'

declareSupport(`${CORE}.Address`, {
  supported: ['socket_address', 'pipe'],
  refused: { envoy_internal_address: 'internal listeners are not supported by this release; use a pipe' },
})

declareSupport(`${CORE}.SocketAddress`, {
  supported: ['protocol', 'address', 'port_value'],
  values: { protocol: { UDP: 'UDP is not supported by this release' } },
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
  ],
  accepted: {
    dynamic_parameters: 'only xDS requests carry it',
    extensions: 'only xDS requests carry it',
    client_features: 'only xDS requests carry it',
    listening_addresses: 'only xDS requests carry it',
  },
})

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

const NO_SUBSCRIPTION = 'only files (path_config_source) are read; subscriptions over gRPC and REST come with xDS'
declareSupport(`${CORE}.ConfigSource`, {
  supported: ['path', 'path_config_source', 'resource_api_version'],
  values: { resource_api_version: { V2: 'there is one version of the API, V3' } },
  refused: { api_config_source: NO_SUBSCRIPTION, ads: NO_SUBSCRIPTION, self: NO_SUBSCRIPTION },
  accepted: {
    authorities: 'only xDS subscriptions have them',
    initial_fetch_timeout: 'a file is read when it is named, so nobody waits for it',
  },
})
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
