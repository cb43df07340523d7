import type { Http11ProxyUpstreamTransportJson } from '#api/envoy/extensions/transport_sockets/http_11_proxy/v3/upstream_http_11_connect_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { parseAddress, type UpstreamTransportSocketPlan } from '../../../net/index.ts'
import { Http11Proxy } from './http-11-proxy.ts'

const TYPE = 'envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport'

declareSupport(TYPE, { supported: ['transport_socket', 'default_proxy_address'] })

/** envoy.transport_sockets.http_11_proxy */
export const http11ProxyFactory: ExtensionFactory<UpstreamTransportSocketPlan> = {
  name: 'envoy.transport_sockets.http_11_proxy',
  category: 'envoy.transport_sockets.upstream',
  typeNames: [TYPE],
  compile: (resource, context, path) => {
    const json = resource as Http11ProxyUpstreamTransportJson
    const inner = compileInner(json, context, path.field('transport_socket'))
    const at = path.field('default_proxy_address')
    if (json.defaultProxyAddress === undefined) {
      context.diagnostics.error(at, 'proxies are not found in metadata or filter state here', {
        expected: 'default_proxy_address: where the proxy is',
      })
      return null as never
    }
    const proxy = parseAddress(json.defaultProxyAddress)
    return {
      secure: inner?.secure === true,
      create: (thread, statPrefix) => new Http11Proxy(thread, proxy, inner?.create(thread, statPrefix) ?? null),
    }
  },
}

function compileInner(
  { transportSocket }: Http11ProxyUpstreamTransportJson,
  context: CompileContext,
  path: ConfigPath,
): UpstreamTransportSocketPlan | null {
  if (transportSocket === undefined) return null
  const factory = context.extensions.find('envoy.transport_sockets.upstream', transportSocket, context, path)
  const compiled = factory?.compile(transportSocket.typedConfig!, context, path.field('typed_config'))
  return (compiled as UpstreamTransportSocketPlan | null | undefined) ?? null
}
