import { deserialize } from 'node:v8'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { atOnce, inSlices, runSlice, type Steps } from '../base/index.ts'
import { type CompileContext, ConfigPath } from '../config/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { AsyncClient } from './async-client/async-client.ts'
import { Cluster, type ClusterSurroundings } from './cluster.ts'
import { compileCluster } from './compile/compile-cluster.ts'
import { DnsCacheViews } from './dns-cache/dns-cache-view.ts'
import type { DnsCacheNews } from './dns-cache/messages.ts'
import { HostCellMemory, type HostCellsReport } from './host-cells.ts'
import { HostMonitors, type HostReports } from './host-monitor.ts'
import { HostRows } from './host-rows.ts'
import type { LimitsLocation } from './limits-memory.ts'
import type { SharedHosts } from './shared-hosts.ts'
import { LARGE_HOST_COUNT } from './snapshot.ts'

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
  | { readonly kind: 'hosts'; readonly name: string; readonly hosts: SharedHosts }
  /** Of a name that a dynamic forward proxy was asked for; hosts come before. */
  | { readonly kind: 'dns_cache'; readonly name: string; readonly news: DnsCacheNews }
  /** Health flags of hosts of the cluster have changed, in their rows. */
  | { readonly kind: 'host_health'; readonly name: string }

/** A thread that may send requests upstream. */
export interface UpstreamThread extends ThreadContext {
  readonly clusters: ClusterManager
  /** For requests of the proxy's own. */
  readonly asyncClient: AsyncClient
}

/** Hosts on their way into a cluster. */
interface Loading {
  readonly cluster: Cluster
  readonly steps: Steps
}

interface Entry {
  readonly resource: SharedBytes
  readonly limits: LimitsLocation
  readonly rows: readonly number[] | null
  /** What main has shared last; null: nothing. */
  hosts: SharedHosts | null
  loading: Loading | null
  cluster: Cluster | null
}

/** Fewer hosts are not worth a second turn of the event loop. */
const AT_ONCE = 100
/** A cluster that brings about 500 hosts along is made ready when it comes, not at the first request. */
const LARGE_RESOURCE_BYTES = 100_000

/** The clusters of one worker. Each stays as received until its first use, so unused ones cost almost nothing. */
export class ClusterManager {
  private readonly context: CompileContext
  private readonly surroundings: ClusterSurroundings
  private readonly rows = new HostRows()
  private readonly localClusterName: string | null
  private readonly aggregates = new Set<Cluster>()
  /** What this worker knows of names that dynamic forward proxies resolve. */
  readonly dnsCaches: DnsCacheViews
  private readonly entries = new Map<string, Entry>()

  /**
   * `onHostCells` carries the memory of host stats to main, for ClusterDirectory.onHostCells, and `reports` what its
   * other methods of such names want to know. `localClusterName`: the cluster that this proxy is a host of itself
   * (cluster_manager.local_cluster_name).
   */
  constructor(
    thread: ThreadContext,
    context: CompileContext,
    onHostCells: (report: HostCellsReport) => void,
    reports: HostReports,
    localClusterName: string | null = null,
  ) {
    this.context = context
    this.dnsCaches = new DnsCacheViews(thread, request => reports.onDnsCacheRequest(request))
    this.localClusterName = localClusterName
    const find = (name: string): Cluster | undefined => this.get(name)
    this.surroundings = {
      thread,
      memory: new HostCellMemory(thread.workerIndex, onHostCells),
      monitors: new HostMonitors(thread, reports),
      rows: this.rows,
      find,
      dnsCache: name => this.dnsCaches.view(name),
      onRenewed: cluster => this.tellDependents(cluster.name),
      get localCluster() {
        return localClusterName === null ? undefined : find(localClusterName)
      },
    }
  }

  /** Undefined for an unknown name. Made at first use. */
  get(name: string): Cluster | undefined {
    const entry = this.entries.get(name)
    return entry === undefined ? undefined : (entry.cluster ?? this.inflate(entry))
  }

  /** Hosts of the cluster that this proxy is one of; 1 where it is not known. */
  get localMembers(): number {
    const { localCluster } = this.surroundings
    let members = 0
    for (const { hosts } of localCluster?.hostSet.priorities ?? []) members += hosts.length
    return Math.max(members, 1)
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

  private make(entry: Entry): Cluster {
    const { memory, offset, length } = entry.resource
    const resource = deserialize(Buffer.from(new Uint8Array(memory, offset, length))) as ClusterJson
    // Main has compiled the same resource before it sent it, so there is nothing left to diagnose.
    const plan = compileCluster(resource, this.context, ConfigPath.root.field('cluster'))
    const cluster = new Cluster(plan, entry.limits, this.surroundings, entry.rows)
    if (plan.balancer.kind === 'aggregate') this.aggregates.add(cluster)
    return cluster
  }

  /** At the first request: whatever is there must be ready at once. */
  private inflate(entry: Entry): Cluster {
    const { hosts, loading } = entry
    const cluster = loading?.cluster ?? this.make(entry)
    if (loading !== null) atOnce(loading.steps)
    else if (hosts !== null) atOnce(cluster.takeHosts(hosts))
    finish(entry, cluster)
    return cluster
  }

  /** Brings new hosts into a cluster in slices, between which requests are served. */
  private load(name: string, entry: Entry, hosts: SharedHosts): Promise<void> | undefined {
    const cluster = entry.cluster ?? entry.loading?.cluster ?? this.make(entry)
    const loading: Loading = { cluster, steps: cluster.takeHosts(hosts) }
    entry.loading = loading
    if (hosts.count <= AT_ONCE) atOnce(loading.steps)
    if (hosts.count <= AT_ONCE || runSlice(loading.steps)) {
      finish(entry, cluster)
      return undefined
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    // Newer hosts, a first request or the end of the cluster may overtake this.
    const goesOn = (): boolean => {
      const current = entry.loading === loading && this.entries.get(name) === entry
      if (!current) resolve()
      return current
    }
    inSlices(loading.steps, goesOn, () => {
      finish(entry, cluster)
      this.tellDependents(name)
      resolve()
    })
    return promise
  }

  /** Clusters whose balancer looks at the hosts of `name` too. */
  private tellDependents(name: string): void {
    if (name === this.localClusterName) {
      for (const cluster of this.inflated()) if (cluster.name !== name) cluster.onOtherHostsChanged()
      return
    }
    for (const cluster of this.aggregates) if (cluster.dependsOn(name)) cluster.onOtherHostsChanged()
  }

  /**
   * Adds, replaces or removes between two events; requests under way on the old cluster finish there. A promise for what
   * takes longer.
   */
  apply(update: ClusterUpdate): Promise<void> | undefined {
    if (update.kind === 'host_rows') {
      this.rows.addBlock(update.index, update.memory)
      return undefined
    }
    if (update.kind === 'dns_cache') {
      this.dnsCaches.onNews(update.news)
      return undefined
    }
    const { name } = update
    const entry = this.entries.get(name)
    let loaded: Promise<void> | undefined
    switch (update.kind) {
      case 'cluster': {
        const { resource, limits, rows } = update
        this.dismiss(entry)
        this.entries.set(name, { resource, limits, rows, hosts: null, loading: null, cluster: null })
        if (resource.length > LARGE_RESOURCE_BYTES) this.get(name)
        break
      }
      case 'cluster_removed':
        this.dismiss(entry)
        this.entries.delete(name)
        break
      case 'hosts':
        if (entry === undefined) break
        entry.hosts = update.hosts
        if (entry.cluster !== null || update.hosts.count > LARGE_HOST_COUNT)
          loaded = this.load(name, entry, update.hosts)
        break
      case 'host_health':
        entry?.cluster?.onHostHealthChanged()
    }
    this.tellDependents(name)
    return loaded
  }

  private dismiss(entry: Entry | undefined): void {
    const cluster = entry?.cluster ?? entry?.loading?.cluster ?? null
    if (cluster === null) return
    cluster.drain()
    this.aggregates.delete(cluster)
  }
}

function finish(entry: Entry, cluster: Cluster): void {
  entry.loading = null
  entry.cluster = cluster
}
