// The route of a request that a virtual host wants to see over TLS (require_tls).
import { RateLimitPolicy, type Route, type VirtualHostPlan } from '../../http/index.ts'
import { HTTPS_REDIRECT } from './redirect-action.ts'
import { RouteEntry } from './route-entry.ts'

export function httpsRedirectRoute(virtualHost: VirtualHostPlan): Route {
  return new RouteEntry({
    name: null,
    virtualHost,
    kind: 'redirect',
    clusterName: null,
    clusterHeader: null,
    clusterNotFoundStatus: 503,
    timeoutMs: 0,
    idleTimeoutMs: -1,
    maxStreamDurationMs: -1,
    grpcTimeoutHeaderMaxMs: -1,
    grpcTimeoutHeaderOffsetMs: -1,
    maxGrpcTimeoutMs: -1,
    grpcTimeoutOffsetMs: -1,
    retryPolicy: null,
    hedgeOnPerTryTimeout: false,
    priority: 0,
    hashPolicy: null,
    metadataMatch: null,
    shadowPolicies: [],
    internalRedirect: null,
    upgrades: null,
    connect: null,
    appendXForwardedHost: false,
    autoHostRewrite: false,
    bufferLimitBytes: -1,
    statPrefix: null,
    metadata: null,
    rateLimits: RateLimitPolicy.none,
    includeVirtualHostRateLimits: true,
    filterConfigs: null,
    clusterMutations: null,
    clusterHost: '',
    hostRewrite: null,
    pathRewrite: null,
    requestMutations: [],
    responseMutations: [],
    redirectPlan: HTTPS_REDIRECT,
    directResponse: null,
  })
}
