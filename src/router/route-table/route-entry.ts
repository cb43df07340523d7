// HOT FILE (docs/hot-path.md): a configured route as the router sees it. Frozen; weighted clusters have one each.
import {
  type ConnectPlan,
  type DirectResponsePlan,
  type HashPolicyPlan,
  type HeaderMap,
  type HeaderMutations,
  type HeaderName,
  type InternalRedirectPlan,
  type PerFilterConfig,
  type RateLimitPolicy,
  type Redirect,
  type RetryPolicyPlan,
  type Route,
  type RouteDecorator,
  type RouteTracing,
  type ShadowPolicyPlan,
  type VirtualHostPlan,
  X_ENVOY_ORIGINAL_HOST,
  X_ENVOY_ORIGINAL_PATH,
  X_FORWARDED_HOST,
} from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import type { HostRewrite } from './host-rewrite.ts'
import type { PerFilterConfigs } from './per-filter-config.ts'
import { type RedirectPlan, SAME_PLACE } from './redirect-action.ts'

/** The new path with its query, or undefined to keep the request's. */
export type RoutePathRewrite = (headers: HeaderMap, info: StreamInfo) => string | undefined

/** Chooses among entries that differ in their cluster. */
export interface ClusterChoice {
  chooseAgain(headers: HeaderMap, info: StreamInfo, random: number, tried: Route[]): Route
}

export interface RouteEntryFields {
  readonly name: string | null
  readonly virtualHost: VirtualHostPlan
  readonly kind: Route['kind']
  readonly clusterName: string | null
  readonly clusterHeader: HeaderName | null
  readonly clusterNotFoundStatus: number
  /** What chose this entry for its cluster; null: there is no choice. */
  readonly choice: ClusterChoice | null
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxStreamDurationMs: number
  readonly grpcTimeoutHeaderMaxMs: number
  readonly grpcTimeoutHeaderOffsetMs: number
  readonly maxGrpcTimeoutMs: number
  readonly grpcTimeoutOffsetMs: number
  readonly retryPolicy: RetryPolicyPlan | null
  readonly hedgeOnPerTryTimeout: boolean
  readonly priority: 0 | 1
  readonly hashPolicy: HashPolicyPlan | null
  readonly metadataMatch: object | null
  readonly shadowPolicies: readonly ShadowPolicyPlan[]
  readonly internalRedirect: InternalRedirectPlan | null
  readonly upgrades: ReadonlyMap<string, boolean> | null
  readonly connect: ConnectPlan | null
  readonly appendXForwardedHost: boolean
  readonly autoHostRewrite: boolean
  readonly bufferLimitBytes: number
  readonly statPrefix: string | null
  readonly metadata: object | null
  readonly tracing: RouteTracing | null
  readonly decorator: RouteDecorator | null
  readonly rateLimits: RateLimitPolicy
  readonly includeVirtualHostRateLimits: boolean
  readonly filterConfigs: PerFilterConfigs | null
  /** The weighted cluster's own mutations and host, applied before the route's. */
  readonly clusterMutations: HeaderMutations | null
  /** '' for none; leaves no trace in x-envoy-original-host. */
  readonly clusterHost: string
  readonly hostRewrite: HostRewrite | null
  readonly pathRewrite: RoutePathRewrite | null
  /** In the order they are applied; empty levels left out. */
  readonly requestMutations: readonly HeaderMutations[]
  readonly responseMutations: readonly HeaderMutations[]
  readonly redirectPlan: RedirectPlan | null
  readonly directResponse: DirectResponsePlan | null
}

export class RouteEntry implements Route {
  readonly name: string | null
  readonly virtualHost: VirtualHostPlan
  readonly kind: Route['kind']
  readonly clusterName: string | null
  readonly clusterHeader: HeaderName | null
  readonly clusterNotFoundStatus: number
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxStreamDurationMs: number
  readonly grpcTimeoutHeaderMaxMs: number
  readonly grpcTimeoutHeaderOffsetMs: number
  readonly maxGrpcTimeoutMs: number
  readonly grpcTimeoutOffsetMs: number
  readonly retryPolicy: RetryPolicyPlan | null
  readonly hedgeOnPerTryTimeout: boolean
  readonly priority: 0 | 1
  readonly hashPolicy: HashPolicyPlan | null
  readonly metadataMatch: object | null
  readonly shadowPolicies: readonly ShadowPolicyPlan[]
  readonly internalRedirect: InternalRedirectPlan | null
  readonly upgrades: ReadonlyMap<string, boolean> | null
  readonly connect: ConnectPlan | null
  readonly appendXForwardedHost: boolean
  readonly autoHostRewrite: boolean
  readonly bufferLimitBytes: number
  readonly statPrefix: string | null
  readonly metadata: object | null
  readonly tracing: RouteTracing | null
  readonly decorator: RouteDecorator | null
  readonly rateLimits: RateLimitPolicy
  readonly includeVirtualHostRateLimits: boolean
  readonly hasFilterConfigs: boolean
  readonly hasRequestMutations: boolean
  readonly hasResponseMutations: boolean
  readonly directResponse: DirectResponsePlan | null
  private readonly fields: RouteEntryFields

  constructor(fields: RouteEntryFields) {
    this.name = fields.name
    this.virtualHost = fields.virtualHost
    this.kind = fields.kind
    this.clusterName = fields.clusterName
    this.clusterHeader = fields.clusterHeader
    this.clusterNotFoundStatus = fields.clusterNotFoundStatus
    this.timeoutMs = fields.timeoutMs
    this.idleTimeoutMs = fields.idleTimeoutMs
    this.maxStreamDurationMs = fields.maxStreamDurationMs
    this.grpcTimeoutHeaderMaxMs = fields.grpcTimeoutHeaderMaxMs
    this.grpcTimeoutHeaderOffsetMs = fields.grpcTimeoutHeaderOffsetMs
    this.maxGrpcTimeoutMs = fields.maxGrpcTimeoutMs
    this.grpcTimeoutOffsetMs = fields.grpcTimeoutOffsetMs
    this.retryPolicy = fields.retryPolicy
    this.hedgeOnPerTryTimeout = fields.hedgeOnPerTryTimeout
    this.priority = fields.priority
    this.hashPolicy = fields.hashPolicy
    this.metadataMatch = fields.metadataMatch
    this.shadowPolicies = fields.shadowPolicies
    this.internalRedirect = fields.internalRedirect
    this.upgrades = fields.upgrades
    this.connect = fields.connect
    this.appendXForwardedHost = fields.appendXForwardedHost
    this.autoHostRewrite = fields.autoHostRewrite
    this.bufferLimitBytes = fields.bufferLimitBytes
    this.statPrefix = fields.statPrefix
    this.metadata = fields.metadata
    this.tracing = fields.tracing
    this.decorator = fields.decorator
    this.rateLimits = fields.rateLimits
    this.includeVirtualHostRateLimits = fields.includeVirtualHostRateLimits
    this.hasFilterConfigs = fields.filterConfigs !== null
    this.hasRequestMutations =
      fields.requestMutations.length > 0 ||
      fields.clusterMutations !== null ||
      fields.clusterHost !== '' ||
      fields.hostRewrite !== null ||
      fields.pathRewrite !== null
    this.hasResponseMutations = fields.responseMutations.length > 0
    this.directResponse = fields.directResponse
    this.fields = fields
    Object.freeze(this)
  }

  refreshed(headers: HeaderMap, info: StreamInfo, random: number, tried: Route[]): Route {
    return this.fields.choice?.chooseAgain(headers, info, random, tried) ?? this
  }

  perFilterConfig(filterName: string): PerFilterConfig | null {
    return this.fields.filterConfigs?.get(filterName) ?? null
  }

  finalizeRequest(headers: HeaderMap, info: StreamInfo, suppressEnvoyHeaders = false): void {
    const { clusterMutations, clusterHost, requestMutations, hostRewrite, pathRewrite } = this.fields
    if (clusterMutations !== null) clusterMutations.apply(headers, headers, null, info)
    if (clusterHost !== '') headers.authority = clusterHost
    for (let i = 0; i < requestMutations.length; i++) requestMutations[i]!.apply(headers, headers, null, info)
    const host = hostRewrite === null ? undefined : hostRewrite(headers, info)
    if (host !== undefined) this.rewriteHost(headers, host, suppressEnvoyHeaders)
    const path = pathRewrite === null ? undefined : pathRewrite(headers, info)
    if (path === undefined) return
    if (!suppressEnvoyHeaders) headers.set(X_ENVOY_ORIGINAL_PATH, headers.path)
    headers.path = path
  }

  private rewriteHost(headers: HeaderMap, host: string, suppressEnvoyHeaders: boolean): void {
    const { authority } = headers
    if (!suppressEnvoyHeaders) headers.set(X_ENVOY_ORIGINAL_HOST, authority)
    if (this.appendXForwardedHost) {
      const before = headers.get(X_FORWARDED_HOST)
      headers.set(X_FORWARDED_HOST, before === undefined || before === '' ? authority : `${before},${authority}`)
    }
    headers.authority = host
  }

  finalizeResponse(response: HeaderMap, request: HeaderMap | null, info: StreamInfo): void {
    const { responseMutations } = this.fields
    for (let i = 0; i < responseMutations.length; i++) responseMutations[i]!.apply(response, request, response, info)
  }

  redirect(headers: HeaderMap, info: StreamInfo): Redirect {
    const { redirectPlan, directResponse } = this.fields
    if (redirectPlan !== null) return redirectPlan.redirect(headers, info)
    const status = directResponse?.status ?? 200
    // As Envoy: an answer of the 3xx kind says where it was asked for.
    return {
      status,
      location: status >= 300 && status < 400 ? SAME_PLACE.redirect(headers, info).location : '',
      path: '',
    }
  }
}
