// Small bootstraps for tests, as plain objects in Envoy's own form.

const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'

export function socketAddress(port: number, address = '127.0.0.1'): object {
  return { socket_address: { address, port_value: port } }
}

/** A static cluster with one endpoint. `extra` goes into the cluster. */
export function staticCluster(name: string, port: number, extra: object = {}): object {
  const endpoint = { endpoint: { address: socketAddress(port) } }
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
    ...extra,
  }
}

export interface HttpListener {
  readonly port: number
  /** Merged into the HttpConnectionManager. */
  readonly hcm?: object
  /** Routes of the only virtual host; default: everything to cluster `origin`. */
  readonly routes?: readonly object[]
}

export function httpListener({ port, hcm = {}, routes }: HttpListener): object {
  const manager = {
    '@type': HCM,
    stat_prefix: `in_${port}`,
    route_config: {
      name: `routes_${port}`,
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: routes ?? [{ match: { prefix: '/' }, route: { cluster: 'origin' } }] },
      ],
    },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': ROUTER } }],
    ...hcm,
  }
  return {
    name: `http_${port}`,
    address: socketAddress(port),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  }
}

export function bootstrap(listeners: readonly object[], clusters: readonly object[], extra: object = {}): object {
  return { node: { id: 'test', cluster: 'test' }, static_resources: { listeners, clusters }, ...extra }
}
