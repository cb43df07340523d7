// Main's side of the clusters: resolves names, keeps what new workers need, and speaks for all workers in stats.
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { RuntimeSnapshot, Subscriptions } from '../config/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { StatBlock, StatStore } from '../observability/index.ts'
import { breakerGauges } from './breaker-gauges.ts'
import type { ClusterUpdate, SharedBytes } from './cluster-manager.ts'
import { ClusterMembers, type Member } from './cluster-members.ts'
import type { AssignmentPlan, ClusterPlan, EdsPlan } from './cluster-plan.ts'
import { type ClusterStatus, clusterStatus } from './cluster-status.ts'
import { ClusterWarming, type WarmingStep } from './cluster-warming.ts'
import { compileAssignment } from './compile/assignment.ts'
import { assignmentOf, countMembersOf, countSubsetsOf, type DirectoryEntry, resourceOf } from './directory-entry.ts'
import type { Schedule } from './dns/dns-target.ts'
import { type DnsResolverFactory, nodeResolvers } from './dns/node-resolver.ts'
import { DnsCaches } from './dns-cache/dns-caches.ts'
import type { DnsCacheRequest } from './dns-cache/messages.ts'
import { EdsCluster } from './eds/eds-cluster.ts'
import { EdsStats } from './eds/eds-stats.ts'
import type { ClusterExplanation } from './explain/explain-cluster.ts'
import { explainEntry } from './explain/explain-entry.ts'
import type { Locality } from './host.ts'
import { HostCellReader, type HostCellsReport } from './host-cells.ts'
import type { HostDiscovery } from './host-discovery.ts'
import type { HostEvent, HostReports } from './host-monitor.ts'
import { HostRowAllotment } from './host-rows.ts'
import { HostWatch } from './host-watch.ts'
import { LimitsMemory } from './limits-memory.ts'
import { ClusterLoads } from './load-report/cluster-loads.ts'
import type { OutlierCellsReport } from './outlier-detection/cells.ts'
import type { OutlierEventLog } from './outlier-detection/events.ts'
import { polledDiscovery } from './polled-discovery.ts'
import { retainHosts } from './retained-hosts.ts'
import { shareHosts } from './shared-hosts.ts'
import { CLUSTER_SLOTS as C, CLUSTER_MANAGER_STATS, CLUSTER_STATS, clusterStatPrefix } from './stats.ts'

const ADDED = CLUSTER_MANAGER_STATS.slot('cluster_added')
const MODIFIED = CLUSTER_MANAGER_STATS.slot('cluster_modified')
const UPDATED = CLUSTER_MANAGER_STATS.slot('cluster_updated')
const REMOVED = CLUSTER_MANAGER_STATS.slot('cluster_removed')
const ACTIVE = CLUSTER_MANAGER_STATS.slot('active_clusters')
const WARMING = CLUSTER_MANAGER_STATS.slot('warming_clusters')

/** Names that nobody answers must not keep the proxy from starting. */
const DEFAULT_INIT_TIMEOUT_MS = 5000

export interface ClusterDirectoryOptions {
  readonly workers: number
  /** Main's own store. */
  readonly stats: StatStore
  /** Nothing of a cluster counts below this prefix any more, but perhaps another of the same name. */
  readonly onStatsLeft?: (prefix: string) => void
  readonly runtime: { readonly snapshot: RuntimeSnapshot }
  /** Sends updates to every worker, which takes them over as one. */
  readonly publish: (...updates: readonly ClusterUpdate[]) => void
  /** A cluster that came while the server was live is warm, and in use now. */
  readonly onActivated?: (name: string) => void
  /** How many clusters are not warm yet. */
  readonly onWarming?: (count: number) => void
  /** For health checks, which main makes by itself. */
  readonly thread: () => ThreadContext
  /** Where ejections are logged; null: nowhere. */
  readonly outlierLog?: () => OutlierEventLog | null
  /** Where assignments of EDS clusters come from. */
  readonly subscriptions: Subscriptions
  readonly resolvers?: DnsResolverFactory
  readonly schedule?: Schedule
  readonly random?: () => number
  readonly initTimeoutMs?: number
  /** A count that workers share, by its name (ConnectionCounters). */
  readonly count?: (name: string) => number
}

const NONE: ReadonlySet<string> = new Set()

const systemSchedule: Schedule = (ms, callback) => {
  const timer = setTimeout(callback, ms).unref()
  return () => clearTimeout(timer)
}

export class ClusterDirectory implements HostReports {
  private readonly options: ClusterDirectoryOptions
  private readonly schedule: Schedule
  private readonly resolvers: DnsResolverFactory
  private readonly limits: LimitsMemory
  private readonly rows: HostRowAllotment
  private readonly cells = new HostCellReader()
  private readonly entries = new Map<string, DirectoryEntry>()
  readonly loads = new ClusterLoads(this.entries, this.cells)
  private readonly dnsCaches: DnsCaches
  private readonly manager: StatBlock
  private readonly warming: ClusterWarming
  /** Clusters that take the place of others, or come into use at all, when they are warm. */
  private readonly pending = new Map<string, DirectoryEntry>()
  private longestCheckMs = 0
  private live = false

  constructor(options: ClusterDirectoryOptions) {
    this.options = options
    this.schedule = options.schedule ?? systemSchedule
    this.resolvers = options.resolvers ?? nodeResolvers()
    this.limits = new LimitsMemory(options.workers)
    this.rows = new HostRowAllotment((index, memory) => options.publish({ kind: 'host_rows', name: '', index, memory }))
    this.manager = options.stats.block('cluster_manager.', CLUSTER_MANAGER_STATS)
    this.warming = new ClusterWarming(this.schedule, count => {
      this.manager.cells[WARMING] = count
      options.onWarming?.(count)
    })
    this.dnsCaches = new DnsCaches({
      environment: plan => ({
        plan,
        resolver: this.resolvers(plan.dns.resolver),
        schedule: this.schedule,
        random: options.random ?? Math.random,
        nowMs: () => performance.now(),
      }),
      stats: options.stats,
      count: options.count ?? (() => 0),
      publish: news => options.publish({ kind: 'dns_cache', name: news.cache, news }),
    })
    this.manager.cells[ACTIVE] = 0
    this.manager.cells[WARMING] = 0
  }

  has(name: string): boolean {
    return this.entries.has(name) || this.pending.has(name)
  }

  names(): Iterable<string> {
    return new Set([...this.entries.keys(), ...this.pending.keys()])
  }

  /** From now on the server serves: clusters that come are warmed beside those in use. */
  goLive(): void {
    this.live = true
  }

  /**
   * Adds or replaces a cluster whose resource `plan` was compiled from, and tells the workers. False: it has to be warmed
   * first, and until then nobody hears of it.
   */
  add(plan: ClusterPlan, cluster: ClusterJson, resource: SharedBytes, addedViaApi = false): boolean {
    const { name } = plan
    this.manager.cells[this.entries.has(name) ? MODIFIED : ADDED]! += 1
    this.close(this.pending.get(name))
    this.pending.delete(name)
    const steps = warmingSteps(plan)
    if (this.live && addedViaApi && steps.length > 0) {
      this.warmAside(this.newEntry(plan, cluster, resource, addedViaApi), plan, steps)
      return !this.pending.has(name)
    }
    this.close(this.entries.get(name))
    const entry = this.newEntry(plan, cluster, resource, addedViaApi)
    this.use(entry)
    if (steps.length > 0) this.beginWarming(entry, plan, steps, () => {})
    if (entry.discovery === null) this.setMembership(entry, plan.assignment)
    else countMembersOf(entry)
    this.options.publish(clusterUpdate(entry))
    entry.discovery?.start()
    return true
  }

  private newEntry(
    plan: ClusterPlan,
    cluster: ClusterJson,
    resource: SharedBytes,
    addedViaApi: boolean,
  ): DirectoryEntry {
    const entry: DirectoryEntry = {
      name: plan.name,
      resource,
      addedViaApi,
      limitsPlan: plan.limits,
      hostLimits: plan.hostLimits,
      balancer: plan.balancer,
      healthyPanicThreshold: plan.healthyPanicThreshold,
      memory: plan.balancer.kind === 'subset' ? { subsets: new Set(), subsetKeys: new WeakMap() } : null,
      limits: this.limits.allot(plan.limits.some(({ retryBudget }) => (retryBudget?.intervalMs ?? 0) > 0)),
      stats: this.options.stats.block(clusterStatPrefix(plan.observabilityName), CLUSTER_STATS),
      discovery: null,
      members: new ClusterMembers(this.rows),
      watch: null,
      retains: plan.discovery !== 'LOGICAL_DNS' && plan.healthChecks.length > 0 && !plan.ignoreHealthOnHostRemoval,
      assignment: null,
      hosts: null,
      breakers: null,
    }
    entry.discovery = this.discoveryOf(entry, plan, cluster)
    entry.watch = this.watchHosts(entry, plan)
    return entry
  }

  private warmAside(entry: DirectoryEntry, plan: ClusterPlan, steps: readonly WarmingStep[]): void {
    this.pending.set(entry.name, entry)
    entry.stats.cells[C.warming_state] = 1
    this.beginWarming(entry, plan, steps, () => this.activate(entry))
    if (entry.discovery === null) this.setMembership(entry, plan.assignment)
    else entry.discovery.start()
  }

  private use(entry: DirectoryEntry): void {
    this.entries.set(entry.name, entry)
    if (entry.limitsPlan.some(({ trackRemaining }) => trackRemaining)) {
      entry.breakers = breakerGauges(entry, this.options.stats, this.options.runtime)
      entry.breakers.refresh()
    }
    this.manager.cells[ACTIVE] = this.entries.size
    entry.stats.cells[C.warming_state] = 0
  }

  /** A cluster that was warmed aside comes into use, with its hosts, between two events of each worker. */
  private activate(entry: DirectoryEntry): void {
    const { name } = entry
    this.pending.delete(name)
    this.close(this.entries.get(name))
    this.use(entry)
    countMembersOf(entry)
    const hosts = entry.hosts === null ? [] : [{ kind: 'hosts' as const, name, hosts: entry.hosts }]
    this.options.publish(clusterUpdate(entry), ...hosts)
    this.options.onActivated?.(name)
  }

  remove(name: string): void {
    this.close(this.pending.get(name))
    this.pending.delete(name)
    const entry = this.entries.get(name)
    if (entry === undefined) return
    this.close(entry)
    this.entries.delete(name)
    this.setMembership(entry, compileAssignment(undefined))
    this.manager.cells[REMOVED]! += 1
    this.manager.cells[ACTIVE] = this.entries.size
    this.options.publish({ kind: 'cluster_removed', name })
  }

  private close(entry: DirectoryEntry | undefined): void {
    if (entry === undefined) return
    entry.discovery?.stop()
    entry.watch?.close()
    this.warming.drop(entry)
    this.options.onStatsLeft?.(entry.stats.prefix)
    this.limits.giveBack(entry.limits)
    entry.members.close()
    if (this.isActive(entry)) this.cells.retain(entry.name, null)
  }

  /** 'cluster.<name>.' of all that are there. */
  statPrefixes(): readonly string[] {
    return [...this.entries.values(), ...this.pending.values()].map(({ stats }) => stats.prefix)
  }

  private isActive(entry: DirectoryEntry): boolean {
    return this.entries.get(entry.name) === entry
  }

  private isKnown(entry: DirectoryEntry): boolean {
    return this.isActive(entry) || this.pending.get(entry.name) === entry
  }

  /** Stops all lookups and checks. */
  stop(): void {
    for (const entry of [...this.entries.values(), ...this.pending.values()]) {
      entry.discovery?.stop()
      entry.watch?.close()
    }
  }

  /** Everything that a worker which starts now has to know. */
  *updates(): Iterable<ClusterUpdate> {
    for (const [index, memory] of this.rows.rows.allBlocks()) yield { kind: 'host_rows', name: '', index, memory }
    for (const entry of this.entries.values()) {
      yield clusterUpdate(entry)
      if (entry.hosts !== null) yield { kind: 'hosts', name: entry.name, hosts: entry.hosts }
    }
    for (const news of this.dnsCaches.news()) yield { kind: 'dns_cache', name: news.cache, news }
  }

  // ---- discovery

  /** Settles when every cluster knows its hosts and each host has been checked once, or has not come in time. */
  ready(): Promise<void> {
    return this.warming.ready(this.options.initTimeoutMs ?? DEFAULT_INIT_TIMEOUT_MS + this.longestCheckMs)
  }

  private beginWarming(
    entry: DirectoryEntry,
    plan: ClusterPlan,
    steps: readonly WarmingStep[],
    onWarm: () => void,
  ): void {
    for (const { timeoutMs, intervals } of plan.healthChecks) {
      this.longestCheckMs = Math.max(this.longestCheckMs, timeoutMs + intervals.initialJitterMs)
    }
    this.warming.begin(entry, steps, plan.eds !== null, onWarm)
  }

  private discoveryOf(entry: DirectoryEntry, plan: ClusterPlan, cluster: ClusterJson): HostDiscovery | null {
    const { balancer, name } = plan
    if (balancer.kind === 'dynamic_host') {
      return this.dnsCaches.discovery(balancer.cache, name, {
        onHostsChanged: () => this.setHosts(entry),
        onReady: () => this.onDiscovered(entry),
      })
    }
    if (plan.eds !== null) return this.edsCluster(entry, plan, plan.eds)
    const { options, resolvers, schedule } = this
    const environment = { resolvers, schedule, random: options.random ?? Math.random, thread: options.thread }
    return polledDiscovery(plan, cluster, environment, {
      cells: entry.stats.cells,
      onHostsChanged: () => this.setHosts(entry),
      onReady: () => this.onDiscovered(entry),
    })
  }

  private edsCluster(entry: DirectoryEntry, { name, observabilityName }: ClusterPlan, eds: EdsPlan): EdsCluster {
    const environment = {
      subscriptions: this.options.subscriptions,
      schedule: this.schedule,
      stats: new EdsStats(this.options.stats, clusterStatPrefix(observabilityName)),
    }
    return new EdsCluster(eds, environment, {
      onChanged: () => this.setHosts(entry),
      onReady: () => this.onDiscovered(entry),
      knownBefore: () => {
        const before = this.entries.get(name)?.discovery
        return before instanceof EdsCluster ? before : null
      },
    })
  }

  private onDiscovered(entry: DirectoryEntry): void {
    // No name has hosts: there is nobody to check.
    if (entry.assignment === null) entry.watch?.update(compileAssignment(undefined), new Set())
    this.warming.end(entry, 'discovery')
  }

  private watchHosts(entry: DirectoryEntry, plan: ClusterPlan): HostWatch | null {
    if (plan.healthChecks.length === 0 && plan.outlierDetection === null) return null
    const { name, members } = entry
    const change = (act: () => void) => () => {
      if (this.isKnown(entry)) act()
    }
    return new HostWatch(plan, {
      thread: this.options.thread,
      schedule: this.schedule,
      managerStats: this.manager,
      members,
      outlierLog: this.options.outlierLog ?? (() => null),
      publishHealth: change(() => {
        if (this.isActive(entry)) this.options.publish({ kind: 'host_health', name })
      }),
      setHealth: (key, set, clear) => change(() => this.setHealthOf(entry, key, set, clear))(),
      hasTraffic: () => entry.breakers !== null && this.cells.hasTraffic(name),
      onRetainedHostFailed: change(() => this.setHosts(entry)),
      onReady: change(() => this.warming.end(entry, 'health')),
    })
  }

  private setHosts(entry: DirectoryEntry): void {
    if (!this.isKnown(entry) || entry.discovery === null) return
    const { name } = entry
    const discovered = entry.discovery.assignment()
    const { assignment, retained } = entry.retains
      ? retainHosts(entry.assignment ?? {}, discovered, key => entry.watch?.isChecked(key) === true)
      : { assignment: discovered, retained: NONE }
    entry.assignment = assignment
    this.setMembership(entry, compileAssignment(assignment), retained)
    entry.hosts = shareHosts(assignment, entry.members.list())
    if (this.isActive(entry)) {
      this.cells.retain(name, entry.members.keys())
      this.options.publish({ kind: 'hosts', name, hosts: entry.hosts })
    }
    if (entry.watch === null) this.manager.cells[UPDATED]! += 1
    else entry.watch.window.onHostsPublished()
  }

  private setMembership(entry: DirectoryEntry, plan: AssignmentPlan, retained = NONE): void {
    const { cells } = entry.stats
    const { fresh, changedPriorities } = entry.members.update(plan, retained)
    const endpoints = plan.localities.flatMap(locality => locality.endpoints)
    // Every new host is matched with a transport socket; there is one, named default.
    cells[C['default.total_match_count']]! += fresh.length
    cells[C.membership_change]! += changedPriorities
    entry.watch?.update(plan, retained)
    countMembersOf(entry)
    countSubsetsOf(entry, endpoints)
    // As in Envoy, only discovered hosts count, and the gauge keeps its value when the last of them goes.
    if (entry.discovery !== null && endpoints.length > 0) {
      cells[C.max_host_weight] = endpoints.reduce((heaviest, { weight }) => Math.max(heaviest, weight), 0)
    }
  }

  /** Assignments of EDS clusters, as they are in force. */
  *discovered(): Iterable<{ readonly assignment: ClusterLoadAssignmentJson; readonly addedViaApi: boolean }> {
    for (const { discovery, assignment, addedViaApi } of this.entries.values()) {
      if (discovery instanceof EdsCluster && assignment !== null) yield { assignment, addedViaApi }
    }
  }

  // ---- health

  /** The hosts of a cluster at the moment, in the order of its assignment. */
  members(name: string): Iterable<Member> {
    return this.entries.get(name)?.members.list() ?? []
  }

  /** Sets and clears health flags of a host; gauges and workers follow. */
  setHostHealth(name: string, key: string, set: number, clear: number): void {
    const entry = this.entries.get(name)
    if (entry !== undefined) this.setHealthOf(entry, key, set, clear)
  }

  private setHealthOf(entry: DirectoryEntry, key: string, set: number, clear: number): void {
    if (!entry.members.setHealth(key, set, clear)) return
    countMembersOf(entry)
    if (entry.watch !== null) entry.watch.window.onChange()
    else if (this.isActive(entry)) this.options.publish({ kind: 'host_health', name: entry.name })
  }

  // ---- what workers report

  onHostCells(report: HostCellsReport): void {
    const entry = this.entries.get(report.cluster)
    if (entry === undefined) return
    this.cells.add(report)
    entry.breakers ??= breakerGauges(entry, this.options.stats, this.options.runtime)
  }

  onDnsCacheRequest(request: DnsCacheRequest): void {
    this.dnsCaches.onRequest(request)
  }

  onHostEvent(event: HostEvent): void {
    this.entries.get(event.cluster)?.watch?.onHostEvent(event)
  }

  onOutlierCells(report: OutlierCellsReport): void {
    this.entries.get(report.cluster)?.watch?.outliers?.addCells(report)
  }

  /** A worker has died: what it held of the limits is free again, its gauges are void. */
  onWorkerGone(workerIndex: number): void {
    this.limits.releaseShareOf(workerIndex)
    this.cells.onWorkerGone(workerIndex, (name, key) => this.entries.get(name)?.members.get(key)?.row)
    for (const { watch } of this.entries.values()) watch?.outliers?.onWorkerGone(workerIndex)
  }

  /** Brings the circuit breaker gauges up to date; call it before stats are read. */
  refreshGauges(): void {
    for (const { breakers } of this.entries.values()) breakers?.refresh()
    this.dnsCaches.refreshGauges()
  }

  /** What /clusters shows, cluster by cluster. */
  *describe(): Iterable<ClusterStatus> {
    for (const entry of this.entries.values()) {
      const cluster = resourceOf(entry)
      const facts = { ...entry, outliers: entry.watch?.outliers ?? null }
      yield clusterStatus(cluster, facts, assignmentOf(entry, cluster), this.cells)
    }
  }

  /**
   * Why each host of a cluster is picked or not; undefined for an unknown cluster. `here`: where this proxy is;
   * `localClusterName`: the cluster that it is a host of itself.
   */
  explain(name: string, here: Locality | null, localClusterName: string | null): ClusterExplanation | undefined {
    return explainEntry(name, { entries: this.entries, runtime: this.options.runtime, here, localClusterName })
  }
}

/** What has to come before a cluster can be used. */
function warmingSteps({
  waitForWarmOnInit,
  balancer,
  eds,
  dns,
  redisCluster,
  healthChecks,
}: ClusterPlan): readonly WarmingStep[] {
  if (!waitForWarmOnInit) return []
  const steps: WarmingStep[] = []
  if (balancer.kind === 'dynamic_host' || eds !== null || dns !== null || redisCluster !== null) steps.push('discovery')
  if (healthChecks.length > 0) steps.push('health')
  return steps
}

function clusterUpdate({ name, resource, limits, discovery, members }: DirectoryEntry): ClusterUpdate {
  return { kind: 'cluster', name, resource, limits, rows: discovery === null ? members.rowNumbers() : null }
}
