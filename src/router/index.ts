import type { RouterJson } from '#api/envoy/extensions/filters/http/router/v3/router_pb.ts'
import { declareSupport, type ExtensionFactory } from '../config/index.ts'
import { HeaderName, type HttpFilterPlan } from '../http/index.ts'
import type { UpstreamThread } from '../upstream/index.ts'
import { RouterFilter } from './router-filter.ts'
import type { RouterPlan } from './router-plan.ts'

export { RouterAsyncClient } from './async-client.ts'
export { explainRoute, type RouteOutcome, type RouteQuestion } from './explain/explain-route.ts'
export { type CompiledRouteTable, compileRouteConfiguration } from './route-table/index.ts'

declareSupport('envoy.extensions.filters.http.router.v3.Router', {
  supported: [
    'suppress_envoy_headers',
    'suppress_grpc_request_failure_code_stats',
    'strict_check_headers',
    'respect_expected_rq_timeout',
    'start_child_span',
  ],
  refused: {
    upstream_log: 'upstream access logs are not part of this release: the connection manager logs each request',
    upstream_log_options: 'upstream access logs are not part of this release',
    upstream_http_filters: 'upstream filters are not part of this release',
    reject_connect_request_early_data: 'bytes behind a CONNECT are never sent before the upstream accepts it',
  },
  accepted: {
    dynamic_stats: 'stats by status code are always kept',
  },
})

/** envoy.filters.http.router. */
export const routerFactory: ExtensionFactory<HttpFilterPlan> = {
  name: 'envoy.filters.http.router',
  category: 'envoy.filters.http',
  typeNames: ['envoy.extensions.filters.http.router.v3.Router'],
  compile: config => {
    const plan: RouterPlan = Object.freeze({
      suppressEnvoyHeaders: (config as RouterJson).suppressEnvoyHeaders ?? false,
      suppressGrpcCodeStats: (config as RouterJson).suppressGrpcRequestFailureCodeStats ?? false,
      strictHeaders: ((config as RouterJson).strictCheckHeaders ?? []).map(HeaderName.of),
      respectExpectedTimeout: (config as RouterJson).respectExpectedRqTimeout ?? false,
      startChildSpan: (config as RouterJson).startChildSpan ?? false,
    })
    return {
      name: 'envoy.filters.http.router',
      terminal: true,
      create: thread => new RouterFilter(plan, (thread as UpstreamThread).clusters, thread),
    }
  },
}
