import { deserialize } from 'node:v8'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { type CompileContext, ConfigPath } from '../config/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { Cluster } from './cluster.ts'
import { compileAssignment } from './compile/assignment.ts'
import { compileCluster } from './compile/compile-cluster.ts'
import { HostCellMemory, type HostCellsReport } from './host-cells.ts'
import { HostRows } from './host-rows.ts'
import type { LimitsLocation } from './limits-memory.ts'

/** A serialised resource (v8.serialize) in memory that all threads share. */
export interface SharedBytes {
  readonly memory: SharedArrayBuffer
  readonly offset: number
  readonly length: number
}

/** What main posts to every worker about clusters; plain data. */
export type ClusterUpdate =
  /** Memory for what all threads share of hosts; comes before any row in it is named. */
  | { readonly kind: 'host_rows'; readonly name: string; readonly index: number; readonly memory: SharedArrayBuffer }
  /** Adds or replaces a cluster. `rows`: one per endpoint; null while its hosts are being discovered. */
  | {
      readonly kind: 'cluster'
      readonly name: string
      readonly resource: SharedBytes
      readonly limits: LimitsLocation
      readonly rows: readonly number[] | null
    }
  | { readonly kind: 'cluster_removed'; readonly name: string }
  /** The hosts of a cluster that discovers them; every address resolved. */
  | {
      readonly kind: 'hosts'
      readonly name: string
      readonly assignment: ClusterLoadAssignmentJson
      readonly rows: readonly number[]
    }
  /** Health flags of hosts of the cluster have changed, in their rows. */
  | { readonly kind: 'host_health'; readonly name: string }

/** A thread that may send requests upstream. */
export interface UpstreamThread extends ThreadContext {
  readonly clusters: ClusterManager
}

interface Entry {
  readonly resource: SharedBytes
  readonly limits: LimitsLocation
  rows: readonly number[] | null
  assignment: ClusterLoadAssignmentJson | null
  cluster: Cluster | null
}

/** The clusters of one worker. Each stays as received until its first use, so unused ones cost almost nothing. */
export class ClusterManager {
  private readonly thread: ThreadContext
  private readonly context: CompileContext
  private readonly memory: HostCellMemory
  private readonly rows = new HostRows()
  private readonly entries = new Map<string, Entry>()

  /** `onHostCells` carries the memory of host stats to main, for ClusterDirectory.onHostCells. */
  constructor(thread: ThreadContext, context: CompileContext, onHostCells: (report: HostCellsReport) => void) {
    this.thread = thread
    this.context = context
    this.memory = new HostCellMemory(thread.workerIndex, onHostCells)
  }

  /** Undefined for an unknown name. Made at first use. */
  get(name: string): Cluster | undefined {
    const entry = this.entries.get(name)
    return entry === undefined ? undefined : (entry.cluster ?? this.inflate(entry))
  }

  has(name: string): boolean {
    return this.entries.has(name)
  }

  names(): Iterable<string> {
    return this.entries.keys()
  }

  /** Clusters in use by this worker. */
  *inflated(): Iterable<Cluster> {
    for (const { cluster } of this.entries.values()) if (cluster !== null) yield cluster
  }

  private inflate(entry: Entry): Cluster {
    const { memory, offset, length } = entry.resource
    const resource = deserialize(Buffer.from(new Uint8Array(memory, offset, length))) as ClusterJson
    // Main has compiled the same resource before it sent it, so there is nothing left to diagnose.
    const plan = compileCluster(resource, this.context, ConfigPath.root.field('cluster'))
    const { assignment, rows } = entry
    const cluster = new Cluster(
      plan,
      entry.limits,
      this.thread,
      this.memory,
      this.rows,
      assignment === null ? rows : null,
    )
    if (assignment !== null && rows !== null) cluster.setHosts(compileAssignment(assignment), rows)
    entry.cluster = cluster
    return cluster
  }

  /** Adds, replaces or removes between two events; requests under way on the old cluster finish there. */
  apply(update: ClusterUpdate): void {
    const entry = this.entries.get(update.name)
    switch (update.kind) {
      case 'host_rows':
        this.rows.addBlock(update.index, update.memory)
        break
      case 'cluster':
        entry?.cluster?.drain()
        this.entries.set(update.name, {
          resource: update.resource,
          limits: update.limits,
          rows: update.rows,
          assignment: null,
          cluster: null,
        })
        break
      case 'cluster_removed':
        entry?.cluster?.drain()
        this.entries.delete(update.name)
        break
      case 'hosts':
        if (entry === undefined) break
        entry.assignment = update.assignment
        entry.rows = update.rows
        entry.cluster?.setHosts(compileAssignment(update.assignment), update.rows)
        break
      case 'host_health':
        entry?.cluster?.onHostHealthChanged()
    }
  }
}
