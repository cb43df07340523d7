// route.v3.RouteAction: what is done with a request that goes to a cluster.
import type { RouteActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileRegexRewrite,
  declareSupport,
  durationMs,
} from '../../config/index.ts'
import {
  compileHashPolicy,
  compileRateLimits,
  compileRetryPolicy,
  type HeaderMap,
  pathLength,
} from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { clusterHeaderName } from './cluster-check.ts'
import { compileHedgeOnPerTryTimeout } from './hedge-policy.ts'
import { compileHostRewrite, formatted } from './host-rewrite.ts'
import { compileInternalRedirect } from './internal-redirect-policy.ts'
import { lbMetadata } from './metadata.ts'
import { type PathRewrite, prefixRewrite, regexRewrite } from './path-rewrite.ts'
import type { RouteEntryFields, RoutePathRewrite } from './route-entry.ts'
import type { RouteMatcher } from './route-match.ts'
import { compileShadowPolicies } from './shadow-policy.ts'
import { compileConnect, compileUpgrades } from './upgrade-configs.ts'
import { compileUriTemplateRewrite } from './uri-template-rewrite.ts'
import type { VirtualHostScope } from './virtual-host-scope.ts'

declareSupport('envoy.config.route.v3.RouteAction', {
  supported: [
    'cluster',
    'cluster_header',
    'weighted_clusters',
    'cluster_not_found_response_code',
    'metadata_match',
    'prefix_rewrite',
    'regex_rewrite',
    'path_rewrite_policy',
    'path_rewrite',
    'host_rewrite_literal',
    'auto_host_rewrite',
    'host_rewrite_header',
    'host_rewrite_path_regex',
    'host_rewrite',
    'append_x_forwarded_host',
    'timeout',
    'idle_timeout',
    'retry_policy',
    'internal_redirect_policy',
    'request_mirror_policies',
    'hedge_policy',
    'priority',
    'hash_policy',
    'max_grpc_timeout',
    'grpc_timeout_offset',
    'upgrade_configs',
    'max_stream_duration',
    'rate_limits',
    'include_vh_rate_limits',
    'cors',
    'cluster_specifier_plugin',
    'inline_cluster_specifier_plugin',
  ],
  refused: {
    retry_policy_typed_config: 'use retry_policy',
    internal_redirect_action: 'removed from the API; use internal_redirect_policy',
    max_internal_redirects: 'removed from the API; use internal_redirect_policy',
    flush_timeout: "use the connection manager's timeouts; one per route is not part of this release",
  },
  accepted: {
    early_data_policy: 'early data comes with HTTP/3, which is not part of this release',
  },
})
declareSupport('envoy.config.route.v3.RouteAction.MaxStreamDuration', {
  supported: ['max_stream_duration', 'grpc_timeout_header_max', 'grpc_timeout_header_offset'],
})

const NOT_FOUND_STATUS = { SERVICE_UNAVAILABLE: 503, NOT_FOUND: 404, INTERNAL_SERVER_ERROR: 500 } as const
const DEFAULT_TIMEOUT_MS = 15_000

type ActionFields = Omit<
  RouteEntryFields,
  | 'name'
  | 'virtualHost'
  | 'kind'
  | 'bufferLimitBytes'
  | 'statPrefix'
  | 'metadata'
  | 'tracing'
  | 'decorator'
  | 'filterConfigs'
  | 'requestMutations'
  | 'responseMutations'
  | 'redirectPlan'
  | 'directResponse'
>

export function compileRouteAction(
  action: RouteActionJson,
  matcher: RouteMatcher,
  scope: VirtualHostScope,
  path: ConfigPath,
): ActionFields {
  const { context } = scope
  if (action.cluster !== undefined) scope.clusters.check(action.cluster, path.field('cluster'))
  const duration = action.maxStreamDuration
  return {
    clusterName: action.cluster ?? null,
    choice: null,
    clusterHeader: clusterHeaderName(action.clusterHeader),
    clusterNotFoundStatus: NOT_FOUND_STATUS[action.clusterNotFoundResponseCode ?? 'SERVICE_UNAVAILABLE'],
    timeoutMs: durationMs(action.timeout, DEFAULT_TIMEOUT_MS),
    idleTimeoutMs: durationMs(action.idleTimeout, -1),
    maxStreamDurationMs: durationMs(duration?.maxStreamDuration, -1),
    grpcTimeoutHeaderMaxMs: durationMs(duration?.grpcTimeoutHeaderMax, -1),
    grpcTimeoutHeaderOffsetMs: durationMs(duration?.grpcTimeoutHeaderOffset, -1),
    maxGrpcTimeoutMs: durationMs(action.maxGrpcTimeout, -1),
    grpcTimeoutOffsetMs: durationMs(action.grpcTimeoutOffset, -1),
    retryPolicy:
      action.retryPolicy === undefined
        ? scope.retryPolicy
        : compileRetryPolicy(action.retryPolicy, context, path.field('retry_policy')),
    hedgeOnPerTryTimeout: compileHedgeOnPerTryTimeout(action.hedgePolicy, scope.hedgeOnPerTryTimeout),
    priority: action.priority === 'HIGH' ? 1 : 0,
    hashPolicy: compileHashPolicy(action.hashPolicy, context, path.field('hash_policy')),
    metadataMatch: lbMetadata(action.metadataMatch),
    shadowPolicies:
      action.requestMirrorPolicies === undefined
        ? scope.shadowPolicies
        : compileShadowPolicies(
            action.requestMirrorPolicies,
            scope.clusters,
            context,
            path.field('request_mirror_policies'),
          ),
    internalRedirect: compileInternalRedirect(
      action.internalRedirectPolicy,
      context,
      path.field('internal_redirect_policy'),
    ),
    upgrades: compileUpgrades(action.upgradeConfigs, context, path.field('upgrade_configs')),
    connect: compileConnect(action.upgradeConfigs, context, path.field('upgrade_configs')),
    appendXForwardedHost: action.appendXForwardedHost === true,
    autoHostRewrite: action.autoHostRewrite === true,
    rateLimits: compileRateLimits(action.rateLimits, 'route', context, path.field('rate_limits')),
    includeVirtualHostRateLimits: action.includeVhRateLimits === true,
    clusterMutations: null,
    clusterHost: '',
    hostRewrite: compileHostRewrite(action, context, path),
    pathRewrite: compilePathRewrite(action, matcher, context, path),
  }
}

function compilePathRewrite(
  action: RouteActionJson,
  matcher: RouteMatcher,
  context: CompileContext,
  path: ConfigPath,
): RoutePathRewrite | null {
  const { regexRewrite: regex, pathRewritePolicy: policy } = action
  // As Envoy: an empty rewrite is none.
  const prefix = action.prefixRewrite === '' ? undefined : action.prefixRewrite
  const format = action.pathRewrite === '' ? undefined : action.pathRewrite
  if ([prefix, regex, policy, format].filter(rewrite => rewrite !== undefined).length > 1) {
    context.diagnostics.error(path, 'a route rewrites the path in one way only', {
      expected: 'one of prefix_rewrite, regex_rewrite, path_rewrite_policy and path_rewrite',
    })
  }
  if (prefix !== undefined) return ofPath(prefixRewrite(toWireText(prefix), matcher))
  if (regex !== undefined) {
    const rewrite = compileRegexRewrite(regex, context, path.field('regex_rewrite'))
    return rewrite === undefined ? null : ofPath(regexRewrite(rewrite))
  }
  if (policy !== undefined) {
    const rewrite = compileUriTemplateRewrite(policy, matcher.template, context, path.field('path_rewrite_policy'))
    return rewrite === undefined ? null : ofPath(regexRewrite(rewrite))
  }
  if (format === undefined) return null
  const newPath = formatted(format, context, path.field('path_rewrite'))
  return newPath === null ? null : (headers, info) => withQueryOf(headers, newPath(headers, info))
}

function ofPath(rewrite: PathRewrite): RoutePathRewrite {
  return (headers: HeaderMap, _info: StreamInfo) => (headers.hasPath ? rewrite(headers.path) || undefined : undefined)
}

function withQueryOf(headers: HeaderMap, path: string | undefined): string | undefined {
  return path === undefined ? undefined : path + headers.path.slice(pathLength(headers.path))
}
