// A route without anything: what routes that no configuration holds begin with.
import { RateLimitPolicy, type VirtualHostPlan } from '../../http/index.ts'
import type { RouteEntryFields } from './route-entry.ts'

export function bareRoute(virtualHost: VirtualHostPlan): RouteEntryFields {
  return {
    name: null,
    virtualHost,
    kind: 'cluster',
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
    priority: 0,
    hashPolicy: null,
    metadataMatch: null,
    shadowPolicies: [],
    internalRedirect: null,
    upgrades: null,
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
    redirectPlan: null,
    directResponse: null,
  }
}
