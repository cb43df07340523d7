import type {
  HeaderName,
  HeadLimits,
  Http1Options,
  Http2Options,
  HttpFilterPlan,
  MutationList,
  RouteTable,
} from '../http/index.ts'
import type { AccessLogPlan } from '../net/index.ts'
import type { ForwardedClientCertPlan } from './forwarded-client-cert.ts'
import type { LocalReplyPlan } from './local-reply.ts'
import type { PathNormalization } from './path-normalization.ts'
import type { ProxyStatusPlan } from './proxy-status.ts'
import type { TracingPlan } from './tracing/tracing-plan.ts'

/** Finds the client's address in a request's headers; null: this detector has nothing to say. */
export interface OriginalIpDetector {
  /** `peer`: who has connected, an address without port. */
  detect(
    forwardedFor: string | undefined,
    header: (name: HeaderName) => string | undefined,
    peer: string,
  ): DetectedAddress | null
  /** X-Forwarded-For gains the peer. */
  readonly appendsForwardedFor: boolean
}

export interface DetectedAddress {
  readonly address: string
  /** May the request count as internal when the address is? */
  readonly trusted: boolean
  /** Answer with this status and go no further; 0: go on. */
  readonly rejectStatus: number
}

/** Where routes come from: swapped as a whole, never changed. */
export interface RouteTableSource {
  current: RouteTable | null
}

export interface InternalAddresses {
  contains(address: string): boolean
  readonly unixSockets: boolean
}

/** A filter in its chain. */
export interface ChainedFilter {
  /** The name that routes know it by. */
  readonly name: string
  readonly plan: HttpFilterPlan
  /** It runs only where a route switches it on. */
  readonly disabled: boolean
  /** The plan makes more than one filter: it has `createBehind`. */
  readonly several: boolean
}

export interface UpgradePlan {
  /** Lower case. */
  readonly type: string
  readonly enabled: boolean
  /** Null: the same as other requests. */
  readonly filters: readonly ChainedFilter[] | null
}

/** Everything one HTTP connection manager was configured to do; frozen. */
export interface HttpConnectionManagerPlan {
  readonly statPrefix: string
  readonly codecType: 'AUTO' | 'HTTP1' | 'HTTP2'
  readonly codec: Http1Options
  readonly http2: Http2Options
  readonly limits: HeadLimits
  readonly routes: RouteTableSource
  readonly filters: readonly ChainedFilter[]
  readonly upgrades: readonly UpgradePlan[]
  readonly accessLogs: readonly AccessLogPlan[]
  readonly logOnRequestStart: boolean
  /** Upgrades and CONNECT are logged once their response is out. */
  readonly logOnTunnel: boolean
  readonly localReply: LocalReplyPlan
  readonly path: PathNormalization

  readonly serverName: string
  readonly serverTransformation: 'OVERWRITE' | 'APPEND_IF_ABSENT' | 'PASS_THROUGH'
  readonly via: string
  /** Null: clients are not told what failed. */
  readonly proxyStatus: ProxyStatusPlan | null
  readonly useRemoteAddress: boolean
  readonly xffNumTrustedHops: number
  readonly skipXffAppend: boolean
  readonly appendXForwardedPort: boolean
  readonly forwardedClientCert: ForwardedClientCertPlan
  readonly originalIpDetectors: readonly OriginalIpDetector[]
  readonly internalAddresses: InternalAddresses | null
  /** Carried out before anything looks at the headers; null: none. */
  readonly earlyMutations: readonly MutationList[] | null
  readonly generateRequestId: boolean
  readonly preserveExternalRequestId: boolean
  readonly alwaysSetRequestIdInResponse: boolean
  readonly packTraceReason: boolean
  /** Null: nothing is traced. */
  readonly tracing: TracingPlan | null
  readonly addUserAgent: boolean
  readonly userAgentCluster: string
  readonly userAgentNode: string
  readonly schemeOverwrite: string
  /** The scheme upstream tells whether the connection there is encrypted. */
  readonly schemeMatchesUpstream: boolean
  readonly stripPort: 'none' | 'any' | 'matching'
  readonly stripTrailingHostDot: boolean
  readonly proxy100Continue: boolean
  /** An invalid request ends the stream only, where the framing is still trusted. */
  readonly streamErrorOnInvalidMessage: boolean

  /** All in ms, 0: none. */
  readonly idleTimeoutMs: number
  readonly streamIdleTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly requestHeadersTimeoutMs: number
  readonly delayedCloseTimeoutMs: number
  readonly drainTimeoutMs: number
  /** How often a request under way is logged; 0: it is not. */
  readonly accessLogIntervalMs: number
  /** So much longer at most, as a share; drawn per connection. */
  readonly drainTimeoutJitter: number
  readonly maxConnectionDurationMs: number
  readonly maxConnectionDurationJitter: number
  /** HTTP/1 connections end only with a response that says so. */
  readonly http1SafeMaxConnectionDuration: boolean
  readonly maxStreamDurationMs: number
  readonly maxRequestsPerConnection: number
}
