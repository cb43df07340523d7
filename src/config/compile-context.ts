import type { NodeJson, TrafficDirectionJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { Tracing_HttpJson } from '#api/envoy/config/trace/v3/http_tracer_pb.ts'
import type { CelOptions } from '../base/index.ts'
import type { StatStore } from '../observability/index.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { ExtensionRegistry } from './extension-registry.ts'
import type { RuntimeSnapshot } from './runtime-snapshot.ts'
import type { Secrets } from './secrets.ts'

export interface DiscoverySupport {
  /** There is a dynamic_resources.ads_config. */
  readonly ads: boolean
  /** Whether a cluster stands in static_resources and finds its hosts without xDS. */
  isPrimaryCluster(name: string): boolean
}

/** What a compile function may ask for besides its resource. */
export interface CompileContext {
  readonly diagnostics: Diagnostics
  readonly extensions: ExtensionRegistry
  readonly node: NodeJson
  readonly runtime: RuntimeSnapshot
  readonly stats?: StatStore
  /** Without it secrets are read once, where they stand. */
  readonly secrets?: Secrets
  /** What is compiled, such as 'listener in': with the config path it names a place, alike on all threads. Set only where what is compiled will serve, not where it is merely checked. */
  readonly resource?: string
  /** What is compiled has been compiled by another thread without a complaint: parts of it may wait until they are needed. */
  readonly checked?: boolean
  /** Worker threads that will run what is compiled; absent where nothing will. */
  readonly concurrency?: number
  /** Of the listener that is compiled; absent outside of listeners. */
  readonly trafficDirection?: TrafficDirectionJson
  /** The bootstrap's tracing provider: for connection managers that trace and name none. */
  readonly defaultTracer?: Tracing_HttpJson
  /** What the formatters beside a format allow its expressions. */
  readonly celOptions?: CelOptions
  /** The cluster that this proxy is a host of itself (cluster_manager.local_cluster_name); null or absent: none. */
  readonly localClusterName?: string | null
  hasCluster(name: string): boolean
  /** For suggestions where a name is unknown. */
  clusterNames?(): Iterable<string>
  /** What a source of resources may rest on; absent on workers, where main has looked already. */
  readonly discovery?: DiscoverySupport
  /** For data sources; what it throws becomes a diagnostic. */
  readonly readFile: (path: string) => Buffer
}
