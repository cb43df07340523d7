// What main and its workers say to each other: plain data and shared memory.
import type { MessagePort } from 'node:worker_threads'
import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import type { Tracing_HttpJson } from '#api/envoy/config/trace/v3/http_tracer_pb.ts'
import type { OverloadLevels, TapRequest } from '../net/index.ts'
import type { StatDefinition, StatPrefixes } from '../observability/index.ts'
import type {
  ClusterUpdate,
  DnsCacheRequest,
  HostCellsReport,
  HostEvent,
  OutlierCellsReport,
} from '../upstream/index.ts'
import type { LoggingOptions } from './options.ts'
import type { SecretUpdate } from './secrets/worker-secrets.ts'

export type ListenerUpdate =
  | { readonly kind: 'listener'; readonly name: string; readonly resource: ListenerJson }
  | { readonly kind: 'listener_removed'; readonly name: string }

/** Replaces the route tables of that name and source, also for connections that are open. */
export interface RouteUpdate {
  readonly kind: 'route_configuration'
  readonly name: string
  /** The key of where it comes from; null: it takes the place of one that stands in a listener. */
  readonly source: string | null
  readonly resource: RouteConfigurationJson
}

/** One change of configuration; static resources at start-up are the first ones. */
export type ResourceUpdate =
  | ClusterUpdate
  | ListenerUpdate
  | RouteUpdate
  | { readonly kind: 'route_configuration_removed'; readonly name: string; readonly source: string }
  | { readonly kind: 'runtime'; readonly layers: readonly object[] }
  | ({ readonly kind: 'secret' } & SecretUpdate)
  | { readonly kind: 'secrets_removed'; readonly keys: readonly string[] }
  | { readonly kind: 'stats_removed'; readonly prefixes: StatPrefixes }

/** A descriptor that came listening from whoever started this process. */
export interface InheritedSocket {
  readonly fd: number
  /** 'ip:port' or a path. */
  readonly address: string
}

/** What every worker must know before its first resource. */
export interface WorkerSettings {
  readonly workerIndex: number
  readonly workers: number
  readonly connectionCounters: SharedArrayBuffer
  readonly sharedCells: SharedArrayBuffer
  readonly logLevels: Int32Array
  readonly logging: LoggingOptions
  readonly drainTimeMs: number
  readonly fileFlushIntervalMs: number
  readonly inherited: readonly InheritedSocket[]
  readonly node: NodeJson
  /** Bootstrap.tracing.http */
  readonly defaultTracer?: Tracing_HttpJson | undefined
  readonly runtimeLayers: readonly object[]
  readonly secrets: readonly SecretUpdate[]
  /** Secrets.seed */
  readonly secretSeed: Uint8Array
  readonly healthChecksFail: boolean
  readonly overload: OverloadLevels
  /** Of all listeners together; Infinity: no limit. */
  readonly maxConnections: number
  /** The cluster that this proxy is a host of itself; null: none. */
  readonly localClusterName: string | null
  /** Attached from the start; null: none. */
  readonly tap: TapRequest | null
}

export type ToWorker =
  /** First of all, once. */
  | {
      readonly type: 'configure'
      readonly settings: WorkerSettings
      /** Where definitions of stats go: main looks there before it reads stats, whatever else it has not got to yet. */
      readonly statsPort: MessagePort
    }
  | { readonly type: 'apply'; readonly id: number; readonly updates: readonly ResourceUpdate[] }
  /** Share of responses that ask their client to go elsewhere, from 0 to 1; null: no drain. */
  | { readonly type: 'drain'; readonly closeProbability: number | null }
  | { readonly type: 'health_checks'; readonly fail: boolean }
  | { readonly type: 'overload'; readonly levels: OverloadLevels }
  | { readonly type: 'stop_accepting'; readonly inboundOnly: boolean }
  /** Connections on which nothing is under way. */
  | { readonly type: 'close_idle' }
  | { readonly type: 'reopen_logs' }
  | { readonly type: 'tap_attach'; readonly request: TapRequest }
  | { readonly type: 'tap_detach' }
  /** A record of so many characters has been read. */
  | { readonly type: 'tap_taken'; readonly id: number; readonly length: number }
  /** Flush what is buffered and end. */
  | { readonly type: 'exit' }

export interface UpdateFailure {
  readonly name: string
  readonly message: string
}

export interface BoundListener {
  readonly name: string
  readonly addresses: readonly string[]
}

export type FromWorker =
  | {
      readonly type: 'applied'
      readonly id: number
      readonly failures: readonly UpdateFailure[]
      readonly listeners: readonly BoundListener[]
    }
  /** Comes by the stats port. */
  | { readonly type: 'stats'; readonly definitions: readonly StatDefinition[] }
  | { readonly type: 'host_cells'; readonly report: HostCellsReport }
  | { readonly type: 'outlier_cells'; readonly report: OutlierCellsReport }
  | { readonly type: 'host_event'; readonly event: HostEvent }
  | { readonly type: 'dns_cache_request'; readonly request: DnsCacheRequest }
  /** `found`: something on this worker has the tap's id. */
  | { readonly type: 'tap_attached'; readonly id: number; readonly found: boolean }
  | { readonly type: 'tap_trace'; readonly id: number; readonly text: string }
  /** Nothing is listened on any more and the last connection has gone. */
  | { readonly type: 'idle' }
