// HOT FILE (docs/hot-path.md): one object per stream, all fields set here in one order.
import type { BytesMeter } from './bytes-meter.ts'
import type { SslConnectionInfo } from './ssl-connection-info.ts'
import type { RequestTrace } from './tracing/request-trace.ts'

/** The getter costs more than the sum it goes into. */
const TIME_ORIGIN_MS = performance.timeOrigin

/** Why an upstream attempt failed, in one structure: printed by %RESPONSE_CAUSE% and in debug logs. */
export interface ResponseCause {
  readonly phase: 'route' | 'choose_host' | 'pool' | 'connect' | 'request' | 'response_headers' | 'response_body'
  readonly host: string | null
  /** Node's or the kernel's error code, such as ECONNREFUSED; null where no system call failed. */
  readonly errno: string | null
  /** 1-based attempt. */
  readonly attempt: number
  readonly elapsedMs: number
  /** What happened, in the words of the response code details. */
  readonly reason: string
}

/** Facts of one downstream connection that never change while it lives; shared by all its streams. */
export interface ConnectionInfo {
  readonly connectionId: number
  /** 'ip:port', or the pipe's path. The remote one may be replaced by PROXY protocol. */
  readonly remoteAddress: string
  readonly directRemoteAddress: string
  readonly localAddress: string
  readonly directLocalAddress: string
  readonly requestedServerName: string | null
  readonly filterChainName: string
  /** Null without TLS. On a TLS connection it is there from the start; what a handshake yields is empty before it. */
  ssl: SslConnectionInfo | null
  /** Fingerprints of the client's TLS hello; null where nobody asked for them. */
  readonly ja3?: string | null
  readonly ja4?: string | null
  /** TLVs of the client's PROXY header that may be passed on; null: none. */
  readonly proxyTlvs?: Buffer | null
  /** When it was accepted, as Clock.now. */
  readonly startMs?: number
  /** Listener.metadata and FilterChain.metadata: filter_metadata. */
  readonly listenerMetadata?: object | null
  readonly filterChainMetadata?: object | null
  /** core.v3.TrafficDirection of the listener. */
  readonly trafficDirection?: string
  /** As Envoy names what was seen of its end; absent: nothing unusual. */
  detectedCloseType?: string
  /** What all streams of the connection begin with; null: nothing. */
  filterState?: ReadonlyMap<string, unknown> | null
}

/** What an upstream connection knows of itself; all its streams share it. */
export interface UpstreamConnectionInfo {
  /** As Clock.now; negative until reached. */
  readonly connectStartMs: number
  readonly connectedMs: number
  readonly errno: string | null
}

/** An attempt that had a connection. */
export interface UpstreamAttempt {
  readonly address: string
  /** '': no more than the address. */
  readonly hostname: string
  /** 0: unknown. */
  readonly connectionId: number
}

/** A value in the filter state that prints differently as text and as a message. */
export interface FilterStateObject {
  toJSON(): object
  serializeAsString(): string
}

/**
 * What is known of one request (or one TCP connection): feeds access log, header formatters and stats.
 * Time points named `...Us` are whole microseconds since `startMs`, -1 until reached: integers stay unboxed, where
 * a double per field would cost an allocation each. */
export class StreamInfo {
  connection: ConnectionInfo
  /** Monotonic ms, as Clock.now. */
  startMs: number
  lastDownstreamRxByteUs = -1
  upstreamConnectStartUs = -1
  upstreamConnectEndUs = -1
  upstreamPoolReadyUs = -1
  firstUpstreamTxByteUs = -1
  lastUpstreamTxByteUs = -1
  firstUpstreamRxByteUs = -1
  firstUpstreamRxBodyByteUs = -1
  lastUpstreamRxByteUs = -1
  firstDownstreamTxByteUs = -1
  lastDownstreamTxByteUs = -1
  endUs = -1
  /** Body bytes. */
  bytesReceived = 0
  bytesSent = 0
  responseCode = 0
  responseCodeDetails: string | null = null
  /** ResponseFlag bits. */
  flags = 0
  protocol: string | null = null
  upstreamProtocol: string | null = null
  routeName: string | null = null
  virtualHostName: string | null = null
  virtualClusterName: string | null = null
  upstreamCluster: string | null = null
  /** Its own name, where alt_stat_name gives it another; null: it has one alone. */
  upstreamClusterRaw: string | null = null
  upstreamHostAddress: string | null = null
  upstreamHostName: string | null = null
  upstreamLocalAddress: string | null = null
  upstreamRemoteAddress: string | null = null
  upstreamConnectionId = 0
  /** Of the newest attempt that has one. */
  upstreamConnection: UpstreamConnectionInfo | null = null
  /** In order; null: none, or no more than the one that `connectedHost...` tells of. */
  upstreamAttempts: UpstreamAttempt[] | null = null
  /** Of the host of `upstreamConnection`. */
  connectedHostName = ''
  upstreamTransportFailureReason: string | null = null
  /** Of the connection that carries the attempt; null without TLS. */
  upstreamSsl: SslConnectionInfo | null = null
  upstreamRequestAttemptCount = 0
  connectionTerminationDetails: string | null = null
  downstreamTransportFailureReason: string | null = null
  /** The client's address after X-Forwarded-For and the like ('ip:port' or 'ip:0'); null: the connection's. */
  remoteAddress: string | null = null
  streamId: string | null = null
  downstreamBytes: BytesMeter | null = null
  /** Of the newest attempt. */
  upstreamBytes: BytesMeter | null = null
  healthCheck = false
  /** Null: the connection manager does not trace. */
  trace: RequestTrace | null = null
  /** The request's scheme becomes that of the connection that carries it. */
  schemeMatchesUpstream = false
  cause: ResponseCause | null = null
  /** namespace -> Struct as plain JSON; made by the first filter that writes. */
  dynamicMetadata: Map<string, Record<string, unknown>> | null = null
  filterState: Map<string, unknown> | null = null
  /** Upstream addresses ('ip:port', comma-separated) that a filter asks for, as sessions do; null: the balancer's choice. */
  upstreamOverrideHost: string | null = null
  /** One of them or none. */
  upstreamOverrideHostStrict = false
  routeMetadata: object | null = null
  virtualHostMetadata: object | null = null
  upstreamHostMetadata: object | null = null
  upstreamHostLocality: { readonly region: string; readonly zone: string; readonly subZone: string } | null = null
  clusterMetadata: object | null = null

  constructor(connection: ConnectionInfo, startMs: number) {
    this.connection = connection
    this.startMs = startMs
    const { filterState } = connection
    if (filterState !== undefined && filterState !== null) this.filterState = new Map(filterState)
  }

  /** Start in ms since the Unix epoch. */
  get startWallMs(): number {
    return TIME_ORIGIN_MS + this.startMs
  }

  /** Microseconds from the start to `nowMs`, for the `...Us` fields. */
  sinceStartUs(nowMs: number): number {
    return Math.round((nowMs - this.startMs) * 1000)
  }
}
