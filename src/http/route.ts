// The route contract: what a route table compiles to, and what the router filter reads. Everything here is frozen.
import type { ProxyHeaderPlan } from '../net/index.ts'
import type { Formatter, StreamInfo } from '../observability/index.ts'
import type { MutationList } from './header-mutation/mutation-list.ts'
import type { HeaderName } from './header-name.ts'
import type { HeaderMap } from './headers.ts'
import type { RateLimitPolicy } from './rate-limit-descriptors/policy.ts'
import type { RouteDecorator, RouteTracing } from './tracing/route-tracing.ts'

/** An immutable table, shared by all streams that started while it was current. */
export interface RouteTable {
  readonly name: string
  /** The first matching route in order, or null. `random`: the stream's own 32-bit number, for weights and fractions. */
  route(headers: HeaderMap, info: StreamInfo, random: number): Route | null
  /** Names that only internal clients may send (RouteConfiguration.internal_only_headers). */
  readonly internalOnlyHeaders: readonly HeaderName[]
}

export interface VirtualHostPlan {
  readonly name: string
  readonly includeRequestAttemptCount: boolean
  readonly includeAttemptCountInResponse: boolean
  readonly includeIsTimeoutRetryHeader: boolean
  /** Virtual clusters in order; the router charges stats to the first that matches, or to 'other'. */
  readonly virtualClusters: readonly VirtualClusterPlan[]
  readonly metadata: object | null
  /** For the rate limit filters. */
  readonly rateLimits: RateLimitPolicy
}

export interface VirtualClusterPlan {
  readonly name: string
  matches(headers: HeaderMap): boolean
}

/** retry_on conditions as bits. */
export const RetryOn5xx = 1
export const RetryOnGatewayError = 2
export const RetryOnReset = 4
export const RetryOnConnectFailure = 8
export const RetryOnEnvoyRateLimited = 16
export const RetryOnRetriable4xx = 32
export const RetryOnRefusedStream = 64
export const RetryOnRetriableStatusCodes = 128
export const RetryOnRetriableHeaders = 256
export const RetryOnResetBeforeRequest = 512
export const RetryOnGrpcCancelled = 1024
export const RetryOnGrpcDeadlineExceeded = 2048
export const RetryOnGrpcResourceExhausted = 4096
export const RetryOnGrpcUnavailable = 8192
export const RetryOnGrpcInternal = 16384
export const RetryOnHttp3PostConnectFailure = 32768

/** What a predicate may know of a host. */
export interface HostFacts {
  readonly canary: boolean
  /** envoy.config.core.v3.Metadata.filter_metadata. */
  readonly metadata: Readonly<Record<string, object>> | null
}

/** True for a host that a retry should not go to. */
export type HostPredicate = (host: HostFacts, tried: readonly HostFacts[]) => boolean

/** envoy.config.route.v3.RetryPolicy. Times in ms. */
export interface RetryPolicyPlan {
  readonly retryOn: number
  readonly numRetries: number
  /** 0: none. */
  readonly perTryTimeoutMs: number
  /** Without a byte in either direction; 0: none. */
  readonly perTryIdleTimeoutMs: number
  readonly retriableStatusCodes: readonly number[]
  readonly retriableHeaders: readonly HeaderPredicate[]
  /** Only requests that match are retried; empty: all. */
  readonly retriableRequestHeaders: readonly HeaderPredicate[]
  /** Of the back-off; 0: the runtime says, or 25. */
  readonly baseIntervalMs: number
  /** 0: ten times the base. */
  readonly maxIntervalMs: number
  readonly rateLimitedBackOff: RateLimitedBackOff | null
  /** Each retry has its cluster chosen anew. */
  readonly refreshCluster: boolean
  /** Hosts already tried are avoided. */
  /** A retry picks again while one of them rejects the host. */
  readonly hostPredicates: readonly HostPredicate[]
  readonly hostSelectionRetryMaxAttempts: number
  /** After every so many tries, retries leave out the priorities that have been tried; 0: they do not. */
  readonly priorityUpdateFrequency: number
}

export interface RateLimitedBackOff {
  readonly resetHeaders: readonly { readonly name: HeaderName; readonly format: 'SECONDS' | 'UNIX_TIMESTAMP' }[]
  readonly maxIntervalMs: number
}

export interface HeaderPredicate {
  matches(headers: HeaderMap): boolean
}

export interface HashPolicyPlan {
  /** A 64-bit hash of the request, or null when no policy yields one; may add a cookie for the response. */
  hash(headers: HeaderMap, info: StreamInfo, setCookie: (value: string) => void): bigint | null
}

export interface ShadowPolicyPlan {
  readonly clusterName: string
  readonly clusterHeader: HeaderName | null
  /** Draws with the stream's number; whether this request is mirrored. */
  readonly sampled: (random: number) => boolean
  readonly appendHostSuffix: boolean
  /** '': the request's own host. */
  readonly hostRewrite: string
  /** Whether the copy's span is sent; null: as the original's. */
  readonly traceSampled: boolean | null
  readonly mutations: MutationList | null
}

export interface InternalRedirectPlan {
  readonly maxInternalRedirects: number
  readonly responseCodes: readonly number[]
  readonly allowCrossSchemeRedirect: boolean
  /** Response headers that the next request carries. */
  readonly headersToCopy: readonly HeaderName[]
  /** Names of the routes that may follow; null: all. */
  readonly allowedRoutes: ReadonlySet<string> | null
  /** A route is not followed twice from the same route. */
  readonly refusesPreviousRoutes: boolean
  /** http does not become https. */
  readonly safeCrossScheme: boolean
}

/** RouteAction.UpgradeConfig.ConnectConfig. */
export interface ConnectPlan {
  /** POST is treated as CONNECT is. */
  readonly allowPost: boolean
  /** Goes in front of the client's bytes; null: nothing does. */
  readonly proxyHeader: ProxyHeaderPlan | null
}

/** Extensions whose filter has settings per route register a factory of this category for them. */
export const PER_ROUTE_CATEGORY = 'envoy.filters.http.per_route'

/** What perFilterConfig() calls the policies of the deprecated cors fields: no filter has this name. */
export const ROUTE_CORS_POLICY = 'envoy.config.route.v3.CorsPolicy'

/** What typed_per_filter_config says of one filter, all levels above a route taken together. */
export interface PerFilterConfig {
  /** The filter is left out on this route; false: it runs, even where the chain lists it as disabled. */
  readonly disabled: boolean
  /** What the filter's extension compiled of the most specific level that has settings; null: no level has. */
  readonly plan: object | null
  /** The settings of every level, the least specific first; of levels with another extension's only those above them. */
  readonly levels: readonly object[]
  /** Name of the extension whose settings these are; null: there are none. */
  readonly extension: string | null
}

export interface DirectResponsePlan {
  readonly status: number
  /** latin1 text. */
  readonly body: string
  /** What makes the body of the text above and the request; null: it is the text. */
  readonly format: { readonly formatter: Formatter; readonly contentType: string } | null
}

export interface Redirect {
  readonly status: number
  readonly location: string
  /** What the request's path becomes; '': it stays. */
  readonly path: string
}

/** One configured route; of weighted clusters, one per cluster. */
export interface Route {
  readonly name: string | null
  readonly virtualHost: VirtualHostPlan
  readonly kind: 'cluster' | 'redirect' | 'direct_response'
  /** null: see clusterHeader. */
  readonly clusterName: string | null
  readonly clusterHeader: HeaderName | null
  readonly clusterNotFoundStatus: number
  /**
   * The route of a retry whose cluster is chosen anew: of weighted clusters another one as long as there are any that have not
   * been tried. `tried`: the routes so far, in order; it is emptied but for the last when none is left.
   */
  refreshed(headers: HeaderMap, info: StreamInfo, random: number, tried: Route[]): Route
  /** Whole request with retries; 0: none. */
  readonly timeoutMs: number
  /** -1: the connection manager's. */
  readonly idleTimeoutMs: number
  readonly maxStreamDurationMs: number
  readonly grpcTimeoutHeaderMaxMs: number
  readonly grpcTimeoutHeaderOffsetMs: number
  /** The deprecated max_grpc_timeout: -1 none, 0 any; then the client's deadline takes the place of the timeout. */
  readonly maxGrpcTimeoutMs: number
  readonly grpcTimeoutOffsetMs: number
  readonly retryPolicy: RetryPolicyPlan | null
  readonly hedgeOnPerTryTimeout: boolean
  /** 0 default, 1 high. */
  readonly priority: 0 | 1
  readonly hashPolicy: HashPolicyPlan | null
  readonly metadataMatch: object | null
  readonly shadowPolicies: readonly ShadowPolicyPlan[]
  readonly internalRedirect: InternalRedirectPlan | null
  /** Upgrade type (lower case) -> enabled; null: the connection manager decides. */
  readonly upgrades: ReadonlyMap<string, boolean> | null
  /** CONNECT ends here and becomes TCP to the cluster; null: it is forwarded. */
  readonly connect: ConnectPlan | null
  readonly appendXForwardedHost: boolean
  readonly autoHostRewrite: boolean
  /** Bytes; -1: the connection's limit. */
  readonly bufferLimitBytes: number
  readonly statPrefix: string | null
  readonly metadata: object | null
  /** Over the connection manager's; null: nothing. */
  readonly tracing: RouteTracing | null
  readonly decorator: RouteDecorator | null
  /** The route's own, for the rate limit filters. */
  readonly rateLimits: RateLimitPolicy
  /** The virtual host's rate limits apply beside the route's own. */
  readonly includeVirtualHostRateLimits: boolean
  /** Any level says something of any filter. */
  readonly hasFilterConfigs: boolean
  /** Levels: route configuration, virtual host, route, weighted cluster. */
  perFilterConfig(filterName: string): PerFilterConfig | null
  readonly hasRequestMutations: boolean
  /**
   * Header mutations, then host and path rewrites: Envoy's order. `suppressEnvoyHeaders`: without
   * x-envoy-original-host and x-envoy-original-path.
   */
  finalizeRequest(headers: HeaderMap, info: StreamInfo, suppressEnvoyHeaders?: boolean): void
  readonly hasResponseMutations: boolean
  finalizeResponse(responseHeaders: HeaderMap, requestHeaders: HeaderMap | null, info: StreamInfo): void
  /** What a route answers that has no cluster; location '': none. */
  redirect(headers: HeaderMap, info: StreamInfo): Redirect
  readonly directResponse: DirectResponsePlan | null
}
