// HOT FILE (docs/hot-path.md): route.v3.VirtualHost: the TLS requirement, then the first route that matches.
import type { VirtualHostJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import {
  compileHeaderMatchers,
  compileMutationLevel,
  compileRateLimits,
  compileRetryPolicy,
  type HeaderMap,
  type Route,
  type VirtualClusterPlan,
  type VirtualHostPlan,
  X_ENVOY_INTERNAL,
  X_FORWARDED_PROTO,
} from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { withDeprecatedCors } from './deprecated-cors.ts'
import { compileHedgeOnPerTryTimeout } from './hedge-policy.ts'
import { httpsRedirectRoute } from './https-redirect-route.ts'
import { compilePerFilterConfigs } from './per-filter-config.ts'
import { bufferLimit, type CompiledRoute, compileRoute } from './route.ts'
import { RouteIndex } from './route-index.ts'
import { compileRouteTree, type RouteSelector } from './route-tree.ts'
import { compileShadowPolicies } from './shadow-policy.ts'
import type { TableScope, VirtualHostScope } from './virtual-host-scope.ts'
import type { RouteChoice } from './weighted-clusters.ts'

declareSupport('envoy.config.route.v3.VirtualHost', {
  supported: [
    'name',
    'domains',
    'routes',
    'matcher',
    'require_tls',
    'virtual_clusters',
    'request_headers_to_add',
    'request_headers_to_remove',
    'response_headers_to_add',
    'response_headers_to_remove',
    'typed_per_filter_config',
    'cors',
    'include_request_attempt_count',
    'include_attempt_count_in_response',
    'include_is_timeout_retry_header',
    'retry_policy',
    'hedge_policy',
    'request_mirror_policies',
    'per_request_buffer_limit_bytes',
    'request_body_buffer_limit',
    'metadata',
    'rate_limits',
  ],
  refused: {
    retry_policy_typed_config: 'use retry_policy',
    route_specifiers: 'route specifier extensions are not available',
  },
})
declareSupport('envoy.config.route.v3.VirtualCluster', { supported: ['headers', 'name'] })

type TlsRequirement = 'NONE' | 'EXTERNAL_ONLY' | 'ALL'

class LateSelector implements RouteSelector {
  private readonly make: () => RouteSelector
  private selector: RouteSelector | null = null

  constructor(make: () => RouteSelector) {
    this.make = make
  }

  find(headers: HeaderMap, info: StreamInfo, random: number): number {
    this.selector ??= this.make()
    return this.selector.find(headers, info, random)
  }
}

export class VirtualHost {
  readonly name: string
  private readonly selector: RouteSelector
  private readonly choices: readonly RouteChoice[]
  private readonly requireTls: TlsRequirement
  private readonly httpsRedirect: Route

  constructor(plan: VirtualHostPlan, selector: RouteSelector, routes: readonly CompiledRoute[], tls: TlsRequirement) {
    this.name = plan.name
    this.selector = selector
    this.choices = routes.map(route => route.choice)
    this.requireTls = tls
    this.httpsRedirect = httpsRedirectRoute(plan)
  }

  route(headers: HeaderMap, info: StreamInfo, random: number): Route | null {
    if (this.lacksTls(headers)) return this.httpsRedirect
    const index = this.find(headers, info, random)
    return index < 0 ? null : this.choices[index]!.choose(headers, info, random)
  }

  /** Index of the route, or -1. */
  find(headers: HeaderMap, info: StreamInfo, random: number): number {
    return this.selector.find(headers, info, random)
  }

  choiceAt(index: number): RouteChoice {
    return this.choices[index] as RouteChoice
  }

  /** The request is sent to the same place over TLS. */
  lacksTls(headers: HeaderMap): boolean {
    if (this.requireTls === 'NONE') return false
    if (headers.get(X_FORWARDED_PROTO) === 'https') return false
    return this.requireTls === 'ALL' || headers.get(X_ENVOY_INTERNAL) !== 'true'
  }
}

export function compileVirtualHost(host: VirtualHostJson, table: TableScope, path: ConfigPath): VirtualHost {
  const { context } = table
  const plan: VirtualHostPlan = Object.freeze({
    name: host.name ?? '',
    includeRequestAttemptCount: host.includeRequestAttemptCount === true,
    includeAttemptCountInResponse: host.includeAttemptCountInResponse === true,
    includeIsTimeoutRetryHeader: host.includeIsTimeoutRetryHeader === true,
    virtualClusters: compileVirtualClusters(host, context, path.field('virtual_clusters')),
    metadata: host.metadata?.filterMetadata ?? null,
    rateLimits: compileRateLimits(host.rateLimits, 'route', context, path.field('rate_limits')),
  })
  const { mutations, ...shared } = table
  const scope: VirtualHostScope = {
    ...shared,
    plan,
    retryPolicy:
      host.retryPolicy === undefined ? null : compileRetryPolicy(host.retryPolicy, context, path.field('retry_policy')),
    hedgeOnPerTryTimeout: compileHedgeOnPerTryTimeout(host.hedgePolicy, false),
    shadowPolicies:
      host.requestMirrorPolicies === undefined
        ? table.shadowPolicies
        : compileShadowPolicies(
            host.requestMirrorPolicies,
            table.clusters,
            context,
            path.field('request_mirror_policies'),
          ),
    bufferLimitBytes: bufferLimit(host, -1),
    filterConfigs: withDeprecatedCors(
      host.cors,
      compilePerFilterConfigs(host.typedPerFilterConfig, table.filterConfigs, context, path),
      context,
      path.field('cors'),
    ),
    tableMutations: mutations,
    hostMutations: compileMutationLevel(host, context, path),
  }
  const tls = host.requireTls ?? 'NONE'
  if (host.matcher === undefined) {
    const routes = compileRoutes(host, scope, path.field('routes'))
    const matchers = routes.map(route => route.matcher)
    const index = () => new RouteIndex(matchers, table.ignorePathParameters)
    // Whoever only checks looks nothing up, but for explanations.
    return new VirtualHost(plan, context.checked === true ? index() : new LateSelector(index), routes, tls)
  }
  if (host.routes !== undefined) {
    context.diagnostics.error(path, 'a virtual host has either routes or a matcher', { expected: 'one of the two' })
  }
  const { selector, routes } = compileRouteTree(host.matcher, scope, path.field('matcher'))
  return new VirtualHost(plan, selector, routes, tls)
}

function compileRoutes(
  { routes = [] }: VirtualHostJson,
  scope: VirtualHostScope,
  path: ConfigPath,
): readonly CompiledRoute[] {
  return routes.flatMap((json, i) => compileRoute(json, scope, path.index(i)) ?? [])
}

function compileVirtualClusters(
  host: VirtualHostJson,
  context: CompileContext,
  path: ConfigPath,
): readonly VirtualClusterPlan[] {
  return (host.virtualClusters ?? []).map((cluster, i) => {
    const matchers = compileHeaderMatchers(cluster.headers, context, path.index(i).field('headers'))
    return {
      name: cluster.name ?? '',
      matches: headers => {
        for (let m = 0; m < matchers.length; m++) if (!matchers[m]!.matches(headers)) return false
        return true
      },
    }
  })
}
