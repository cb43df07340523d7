import { declareSupport } from '../../../config/index.ts'

const FILTER = 'envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig'
const TABLE = 'envoy.data.dns.v3.DnsTable'

declareSupport(FILTER, {
  supported: ['stat_prefix', 'server_config', 'case_insensitive'],
  refused: {
    client_config: 'names that are not in the table do not exist here; reach a DNS server by udp_proxy',
    access_log: 'log operators of queries are not part of this release; see the stats',
  },
})
declareSupport(`${FILTER}.ServerContextConfig`, {
  supported: ['inline_dns_table'],
  refused: { external_dns_table: 'write the table inline' },
})
declareSupport(TABLE, {
  supported: ['virtual_domains'],
  accepted: {
    external_retry_count: 'nobody else is asked',
    known_suffixes: 'Envoy does not look at it any more either',
  },
})
declareSupport(`${TABLE}.DnsVirtualDomain`, { supported: ['name', 'endpoint', 'answer_ttl'] })
declareSupport(`${TABLE}.DnsEndpoint`, {
  supported: ['address_list', 'cluster_name'],
  refused: { service_list: 'SRV records are not part of this release; list addresses' },
})
declareSupport(`${TABLE}.AddressList`, { supported: ['address'] })
