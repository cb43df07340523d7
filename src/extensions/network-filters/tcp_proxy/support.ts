import { declareSupport } from '../../../config/index.ts'

const TCP_PROXY = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'

declareSupport(TCP_PROXY, {
  supported: [
    'stat_prefix',
    'cluster',
    'weighted_clusters',
    'metadata_match',
    'idle_timeout',
    'access_log',
    'access_log_options',
    'access_log_flush_interval',
    'flush_access_log_on_connected',
    'max_connect_attempts',
    'backoff_options',
    'hash_policy',
    'max_downstream_connection_duration',
    'max_downstream_connection_duration_jitter_percentage',
    'upstream_connect_mode',
    'max_early_data_bytes',
    'tunneling_config',
  ],
  refused: {
    on_demand: 'on-demand clusters (ODCDS) are not part of this release; name a configured cluster',
    downstream_idle_timeout: 'Envoy does not implement it either; use idle_timeout',
    upstream_idle_timeout: 'Envoy does not implement it either; use idle_timeout',
    proxy_protocol_tlvs: 'upstream PROXY protocol is not part of this release',
    proxy_protocol_tlv_merge_policy: 'upstream PROXY protocol is not part of this release',
    check_drain_close: 'not part of this release: drained listeners close their connections after the drain time',
  },
  values: {
    upstream_connect_mode: {
      ON_DOWNSTREAM_TLS_HANDSHAKE:
        'filters are not told when a handshake is done; use ON_DOWNSTREAM_DATA, which is behind it',
    },
  },
})
declareSupport(`${TCP_PROXY}.WeightedCluster`, { supported: ['clusters'] })
declareSupport(`${TCP_PROXY}.WeightedCluster.ClusterWeight`, { supported: ['name', 'weight', 'metadata_match'] })
declareSupport(`${TCP_PROXY}.TcpAccessLogOptions`, {
  supported: ['access_log_flush_interval', 'flush_access_log_on_connected', 'flush_access_log_on_start'],
})
declareSupport('envoy.type.v3.HashPolicy', { supported: ['source_ip', 'filter_state'] })
declareSupport('envoy.type.v3.HashPolicy.SourceIp', { supported: [] })
declareSupport('envoy.type.v3.HashPolicy.FilterState', { supported: ['key'] })
