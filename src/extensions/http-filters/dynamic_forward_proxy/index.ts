import type {
  FilterConfigJson,
  PerRouteConfigJson,
} from '#api/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { HeaderName, type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { compileDnsCache } from '../../../upstream/index.ts'
import { DynamicForwardProxy, type HostRewrite } from './dynamic-forward-proxy.ts'

const API = 'envoy.extensions.filters.http.dynamic_forward_proxy.v3'
const NAME = 'envoy.filters.http.dynamic_forward_proxy'

declareSupport(`${API}.FilterConfig`, {
  supported: ['dns_cache_config', 'save_upstream_address', 'allow_dynamic_host_from_filter_state'],
  refused: {
    sub_cluster_config:
      'a cluster per name, made while traffic runs, is not part of this release; use dns_cache_config',
  },
})
declareSupport(`${API}.PerRouteConfig`, { supported: ['host_rewrite_literal', 'host_rewrite_header'] })

/** envoy.filters.http.dynamic_forward_proxy */
export const dynamicForwardProxyFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.FilterConfig`],
  compile: (config, context, path) => {
    const json = config as FilterConfigJson
    const at = path.field('dns_cache_config')
    if (json.dnsCacheConfig === undefined) context.diagnostics.error(at, 'a dynamic forward proxy needs a DNS cache')
    const plan = {
      cache: compileDnsCache(json.dnsCacheConfig, context, at),
      savesUpstreamAddress: json.saveUpstreamAddress === true,
      hostFromFilterState: json.allowDynamicHostFromFilterState === true,
    }
    return { name: NAME, terminal: false, create: () => new DynamicForwardProxy(plan) }
  },
}

export const dynamicForwardProxyPerRouteFactory: ExtensionFactory<HostRewrite> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.PerRouteConfig`],
  compile: config => {
    const { hostRewriteLiteral = '', hostRewriteHeader = '' } = config as PerRouteConfigJson
    return {
      literal: hostRewriteLiteral,
      header: hostRewriteHeader === '' ? null : HeaderName.of(hostRewriteHeader.toLowerCase()),
    }
  },
}
