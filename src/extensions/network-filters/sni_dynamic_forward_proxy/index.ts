import type { FilterConfigJson } from '#api/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { NetworkFilterPlan } from '../../../net/index.ts'
import { compileDnsCache } from '../../../upstream/index.ts'
import { SniDynamicForwardProxy } from './sni-dynamic-forward-proxy.ts'

const API = 'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig'
const HTTPS = 443

declareSupport(API, {
  supported: ['dns_cache_config', 'port_value'],
  refused: { save_upstream_address: 'nothing behind this filter reads it; leave it out' },
})

/** envoy.filters.network.sni_dynamic_forward_proxy */
export const sniDynamicForwardProxyFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.sni_dynamic_forward_proxy',
  category: 'envoy.filters.network',
  typeNames: [API],
  compile: (config, context, path) => {
    const json = config as FilterConfigJson
    const cache = compileDnsCache(json.dnsCacheConfig, context, path.field('dns_cache_config'))
    const port = json.portValue ?? HTTPS
    return { terminal: false, create: () => new SniDynamicForwardProxy(cache, port) }
  },
}
