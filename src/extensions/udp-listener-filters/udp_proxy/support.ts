import { declareSupport } from '../../../config/index.ts'

const UDP_PROXY = 'envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig'

declareSupport(UDP_PROXY, {
  supported: [
    'stat_prefix',
    'cluster',
    'matcher',
    'idle_timeout',
    'hash_policies',
    'upstream_socket_config',
    'use_per_packet_load_balancing',
    'access_log',
    'proxy_access_log',
    'access_log_options',
  ],
  refused: {
    use_original_src_ip: 'needs IP_TRANSPARENT, which Node.js cannot set; leave it out',
    session_filters: 'session filters are not part of this release; name a configured cluster',
    tunneling_config: 'datagrams are not carried over HTTP by this release; send them to the host itself',
  },
  values: { use_original_src_ip: { true: 'needs IP_TRANSPARENT, which Node.js cannot set; leave it out' } },
})
declareSupport(`${UDP_PROXY}.HashPolicy`, { supported: ['source_ip', 'key'] })
declareSupport(`${UDP_PROXY}.UdpAccessLogOptions`, {
  supported: ['access_log_flush_interval'],
  accepted: { flush_access_log_on_tunnel_connected: 'there are no tunnels' },
})
declareSupport('envoy.extensions.filters.udp.udp_proxy.v3.Route', { supported: ['cluster'] })
