import { readFileSync } from 'node:fs'
import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { Tracing_HttpJson } from '#api/envoy/config/trace/v3/http_tracer_pb.ts'
import {
  type CompileContext,
  Diagnostics,
  type DiscoverySupport,
  type ExtensionRegistry,
  type RuntimeSnapshot,
  type Secrets,
} from '../config/index.ts'

/** The clusters a configuration may name; looked up late, since they come and go. */
export interface KnownClusters {
  has(name: string): boolean
  names(): Iterable<string>
}

export interface CompileContextParts {
  readonly extensions: ExtensionRegistry
  readonly node: NodeJson
  readonly runtime: RuntimeSnapshot
  readonly clusters: KnownClusters
  readonly diagnostics?: Diagnostics
  readonly secrets: Secrets
  readonly localClusterName: string | null
  /** Absent on workers. */
  readonly discovery?: DiscoverySupport
  /** Bootstrap.tracing.http */
  readonly defaultTracer?: Tracing_HttpJson | undefined
  /** Absent where nothing will run. */
  readonly concurrency?: number
}

/** cluster_manager.local_cluster_name; null: none. */
export function localClusterName({ clusterManager }: BootstrapJson): string | null {
  const name = clusterManager?.localClusterName ?? ''
  return name === '' ? null : name
}

/** The context of compile functions, with its own diagnostics unless some are given. */
export function compileContext(parts: CompileContextParts): CompileContext {
  const { clusters } = parts
  return {
    diagnostics: parts.diagnostics ?? new Diagnostics(),
    extensions: parts.extensions,
    node: parts.node,
    runtime: parts.runtime,
    hasCluster: name => clusters.has(name),
    localClusterName: parts.localClusterName,
    clusterNames: () => clusters.names(),
    secrets: parts.secrets,
    ...(parts.defaultTracer === undefined ? {} : { defaultTracer: parts.defaultTracer }),
    ...(parts.concurrency === undefined ? {} : { concurrency: parts.concurrency }),
    ...(parts.discovery === undefined ? {} : { discovery: parts.discovery }),
    readFile: path => readFileSync(path),
  }
}
