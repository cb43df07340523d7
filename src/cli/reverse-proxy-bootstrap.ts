import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** 'host:port', '[::1]:port', ':port', 'port' or 'http://host:port'; undefined when it is none of these. */
export function endpoint(text: string | undefined, defaultHost: string): Endpoint | undefined {
  const match = /^(?:http:\/\/)?(?:(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]*)):)?(\d{1,5})\/?$/.exec(text ?? '')
  if (match === null) return undefined
  const port = Number(match[3])
  const host = match[1] ?? match[2]
  return port > 65535 ? undefined : { host: host === undefined || host === '' ? defaultHost : host, port }
}

const address = ({ host, port }: Endpoint) => ({ socketAddress: { address: host, portValue: port } })

/** Everything that arrives at `from` goes to `to`; Host and path are kept. */
export function reverseProxyBootstrap(from: Endpoint, to: Endpoint, admin: Endpoint | null): BootstrapJson {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    statPrefix: 'reverse_proxy',
    useRemoteAddress: true,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    routeConfig: {
      name: 'reverse_proxy',
      virtualHosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'target', timeout: '0s' } }],
        },
      ],
    },
    httpFilters: [
      {
        name: 'envoy.filters.http.router',
        typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  }
  return {
    ...(admin === null ? {} : { admin: { address: address(admin) } }),
    staticResources: {
      listeners: [
        {
          name: 'from',
          address: address(from),
          filterChains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typedConfig: manager }] },
          ],
        },
      ],
      clusters: [
        {
          name: 'target',
          type: 'STRICT_DNS',
          loadAssignment: {
            clusterName: 'target',
            endpoints: [{ lbEndpoints: [{ endpoint: { address: address(to) } }] }],
          },
        },
      ],
    },
  }
}
