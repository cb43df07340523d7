import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { RouteExplanations, RouteQuestion } from './explain-route-sources.ts'
import type { ClusterExplanation } from './explain-sources.ts'
import type { SchemaLookup } from './schema-json.ts'
import type { StatsQuery } from './stats-query.ts'

// What the handlers need from the running process. The server room implements it; handlers only render what they get,
// so nothing here may block, and lists may be large: they are iterables read a slice at a time.

export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING'

export interface ServerInfo {
  /** `<revision>/<semver>/<status>/<type>/<tls library>`, the form of envoy.admin.v3.ServerInfo.version. */
  readonly version: string
  readonly uptimeCurrentEpochS: number
  readonly uptimeAllEpochsS: number
  /** By snake_case name, as envoy.admin.v3.CommandLineOptions prints them. */
  readonly commandLineOptions: Readonly<Record<string, unknown>>
  readonly node: NodeJson
}

/** A configuration resource (canonical ProtoJSON object) with where it came from. */
export interface DumpedResource {
  readonly resource: object
  /** Unix ms. */
  readonly lastUpdatedMs: number
  /** Of the discovery response; null for static resources. */
  readonly versionInfo: string | null
  /** A warming resource is received but not yet in use; a draining one is on its way out. */
  readonly phase: 'static' | 'active' | 'warming' | 'draining'
}

/** Why the newest version of a resource is not in force. */
export interface FailedUpdate {
  readonly resource: object
  /** Unix ms. */
  readonly lastAttemptMs: number
  readonly details: string
}

export interface ConfigDumpSource {
  readonly bootstrap: { readonly resource: BootstrapJson; readonly lastUpdatedMs: number }
  /** Version of the last CDS and LDS answer; '' when there was none. */
  readonly clustersVersion: string
  readonly listenersVersion: string
  clusters(): Iterable<DumpedResource>
  listeners(): Iterable<DumpedResource>
  /** Of discovered listeners, by name. */
  listenerErrors(): ReadonlyMap<string, FailedUpdate>
  routes(): Iterable<DumpedResource>
  /** ClusterLoadAssignment resources, asked for with include_eds only. */
  endpoints(): Iterable<DumpedResource>
}

export interface HostStatus {
  /** 'ip:port' or a path. */
  readonly address: string
  /** Set for IP hosts; null for pipes. */
  readonly ip: { readonly host: string; readonly port: number } | null
  readonly hostname: string
  readonly counters: {
    readonly cx_connect_fail: number
    readonly cx_total: number
    readonly rq_error: number
    readonly rq_success: number
    readonly rq_timeout: number
    readonly rq_total: number
  }
  readonly gauges: { readonly cx_active: number; readonly rq_active: number; readonly rq_pending_active: number }
  /** Failed-health flags as Envoy prints them, such as '/failed_active_hc'; '' when healthy. */
  readonly healthFlags: string
  /** envoy.config.core.v3.HealthStatus name. */
  readonly edsHealthStatus: string
  readonly weight: number
  readonly region: string
  readonly zone: string
  readonly subZone: string
  readonly canary: boolean
  readonly priority: number
  /** Percent; -1 unknown. */
  readonly successRate: number
  readonly localOriginSuccessRate: number
}

export interface CircuitBreakerLimits {
  readonly maxConnections: number
  readonly maxPendingRequests: number
  readonly maxRequests: number
  readonly maxRetries: number
}

export interface OutlierStatus {
  readonly successRateAverage: number
  readonly successRateEjectionThreshold: number
  readonly localOriginSuccessRateAverage: number
  readonly localOriginSuccessRateEjectionThreshold: number
}

export interface ClusterStatus {
  readonly name: string
  /** alt_stat_name, or the name. */
  readonly observabilityName: string
  readonly addedViaApi: boolean
  readonly edsServiceName: string
  readonly defaultPriority: CircuitBreakerLimits
  readonly highPriority: CircuitBreakerLimits
  /** Null without outlier detection. */
  readonly outlier: OutlierStatus | null
  readonly hosts: Iterable<HostStatus>
}

export interface ListenerStatus {
  readonly name: string
  /** Bound addresses, the first being the main one: 'ip:port' or a path. */
  readonly addresses: readonly {
    readonly text: string
    readonly ip: { readonly host: string; readonly port: number } | null
  }[]
}

export interface RuntimeStatus {
  readonly layers: readonly string[]
  /** Key -> value per layer ('' where a layer has none) and the value in force, as text. */
  readonly entries: Iterable<{
    readonly key: string
    readonly layerValues: readonly string[]
    readonly finalValue: string
  }>
}

export interface CertificateStatus {
  /** Why newer certificates are not in force. */
  readonly problems: readonly string[]
  readonly caCerts: readonly CertificateDetails[]
  readonly certChain: readonly CertificateDetails[]
}

export interface CertificateDetails {
  readonly path: string
  readonly serialNumber: string
  readonly subjectAltNames: readonly (
    | { readonly dns: string }
    | { readonly uri: string }
    | { readonly ip_address: string }
  )[]
  /** Unix ms. */
  readonly validFromMs: number
  readonly expirationMs: number
}

export interface DrainOptions {
  readonly inboundOnly: boolean
  /** Announce for the drain time first, then close. */
  readonly graceful: boolean
  /** Announce only: listeners stay open. */
  readonly skipExit: boolean
}

/** Loggers by component, as the log level endpoint sees them. */
export interface LoggerLevels {
  list(): Iterable<{ readonly name: string; readonly level: string }>
  /** `level` is one of LOG_LEVELS; `name` null means all. Returns false for an unknown name, changing nothing. */
  set(name: string | null, level: string): boolean
}

/** What was wrong with the request, or what is recorded until its reader leaves. */
export type TapAnswer = { readonly problem: string } | { readonly traces: AsyncIterable<string> }

export interface AdminSources {
  /** The API schema, for the snake_case names of dumps. */
  readonly schema: SchemaLookup
  state(): ServerState
  serverInfo(): ServerInfo
  /** Renders statistics piece by piece: by name, histograms last. */
  stats(query: StatsQuery): Iterable<string>
  resetCounters(): void
  clusters(): Iterable<ClusterStatus>
  /** Undefined for an unknown cluster. */
  explainCluster(name: string): ClusterExplanation | undefined
  /** Compiles the listeners that are asked about anew: not for every second. */
  explainRoute(question: RouteQuestion): RouteExplanations
  listeners(): Iterable<ListenerStatus>
  configDump(): ConfigDumpSource
  /** Per component, the names of what start-up still waits for. */
  initDump(): readonly { readonly name: string; readonly targets: readonly string[] }[]
  certs(): Iterable<CertificateStatus>
  runtime(): RuntimeStatus
  /** Applies overrides ('' removes one) to the admin layer; false when the bootstrap has no admin layer. */
  modifyRuntime(values: ReadonlyMap<string, string>): boolean
  readonly loggers: LoggerLevels
  /** `text`: an envoy.admin.v3.TapRequest. */
  tap(text: string, gone: AbortSignal): Promise<TapAnswer>
  failHealthChecks(): void
  okHealthChecks(): void
  drainListeners(options: DrainOptions): void
  reopenLogs(): void
  /** Begins a clean exit; called after the answer is on its way. */
  quit(): void
  /** 'disabled' where hot restart is off. */
  hotRestartVersion(): string
}
