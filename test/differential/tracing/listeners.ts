// Connection managers that trace, and the routes that all of them have.
import { socketAddress } from '../../harness/index.ts'

export const TYPE = 'type.googleapis.com/envoy'

export interface Manager {
  readonly direction?: 'INBOUND' | 'OUTBOUND'
  readonly tracing: object
  readonly hcm?: object
  readonly router?: object
}

export interface TracingCase {
  readonly manager: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

const to = (prefix: string, extra: object = {}): object => ({
  match: { prefix },
  route: { cluster: 'origin' },
  ...extra,
})
const retried = (policy: object): object => ({ route: { cluster: 'origin', retry_policy: policy } })
const HUNDRED = { numerator: 100 }
const METADATA = { number: 5, struct: { b: 'q' }, flag: true, list: [1, 'a'], text: 'plain' }

const ROUTES = [
  to('/decorated', { decorator: { operation: 'decorated' } }),
  to('/discreet', { decorator: { operation: 'discreet', propagate: false } }),
  to('/again', retried({ retry_on: '5xx', num_retries: 1 })),
  to('/slow-try', retried({ retry_on: '5xx', num_retries: 1, per_try_timeout: '0.1s' })),
  to('/slow', { route: { cluster: 'origin', timeout: '0.1s' } }),
  to('/named', {
    decorator: { operation: 'decorated' },
    tracing: { operation: 'named-%REQ(:method)%', upstream_operation: 'up-%REQ(:method)%', random_sampling: HUNDRED },
  }),
  to('/untraced', { tracing: { random_sampling: { numerator: 0 } } }),
  to('/tags', {
    metadata: { filter_metadata: { a: METADATA } },
    tracing: { custom_tags: [{ tag: 'literal', literal: { value: 'route' } }] },
  }),
  to('/refused', { route: { cluster: 'nobody' } }),
  to('/unknown', { route: { cluster_header: 'x-none' } }),
  to('/rewritten', { route: { cluster: 'origin', prefix_rewrite: '/other' } }),
  { match: { prefix: '/direct' }, direct_response: { status: 501 } },
  to('/'),
]

const HEALTH = {
  name: 'health',
  typed_config: {
    '@type': `${TYPE}.extensions.filters.http.health_check.v3.HealthCheck`,
    pass_through_mode: false,
    headers: [{ name: ':path', string_match: { exact: '/health' } }],
  },
}

export function tracingListener(name: string, { direction, tracing, hcm, router }: Manager, port: number): object {
  const manager = {
    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    tracing,
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: ROUTES }] },
    http_filters: [
      HEALTH,
      { name: 'router', typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router`, ...router } },
    ],
    ...hcm,
  }
  return {
    name,
    ...(direction === undefined ? {} : { traffic_direction: direction }),
    address: socketAddress(port),
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }],
  }
}
