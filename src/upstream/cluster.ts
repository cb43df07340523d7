// HOT FILE (docs/hot-path.md): a cluster as one worker uses it.

import { inSlices, type Steps } from '../base/index.ts'
import type { RuntimeSnapshot } from '../config/index.ts'
import { HTTP2_STATS } from '../http/index.ts'
import { CloseNoFlush, type ThreadContext } from '../net/index.ts'
import type { StatBlock, StatStore, StreamInfo } from '../observability/index.ts'
import type { AssignmentPlan, ClusterPlan } from './cluster-plan.ts'
import { ClusterTransports } from './cluster-transports.ts'
import type { DnsCacheView } from './dns-cache/dns-cache-view.ts'
import { FailedActiveHealthCheck, FailedOutlierCheck } from './health.ts'
import { type EndpointPlan, Host, HostKeys, type Locality } from './host.ts'
import { DROPS_KEY, type HostCellMemory } from './host-cells.ts'
import { HostLimits } from './host-limits.ts'
import { HostLoader, type HostPlace } from './host-loader.ts'
import type { HostMonitors } from './host-monitor.ts'
import type { HostRows } from './host-rows.ts'
import type { HostGroup, HostSet, HostSetPolicy } from './host-set/host-set.ts'
import { type LimitsLocation, ledgerPosition } from './limits-memory.ts'
import type { BalancerParts } from './load-balancer/balancer-parts.ts'
import type { LoadBalancer, LoadBalancerContext } from './load-balancer/load-balancer.ts'
import { maglevPlace } from './load-balancer/maglev.ts'
import { type ResponseObserver, responseObserver } from './load-balancer/response-observer.ts'
import { countSubsets } from './load-balancer/subset/count-subsets.ts'
import { ResourceLimits, type StreamLimits } from './resource-limits.ts'
import { ResponseCodeStats } from './response-code-stats.ts'
import type { SharedHosts } from './shared-hosts.ts'
import { LARGE_HOST_COUNT, prepareSnapshot, type Snapshot, type SnapshotSource, takeSnapshot } from './snapshot.ts'
import { CLUSTER_SLOTS, CLUSTER_STATS, clusterStatPrefix, DROPS_OVERLOAD, DROPS_TOTAL } from './stats.ts'

const NO_POLICY = { overprovisioningFactor: 140, weightedPriorityHealth: false, dropOverload: 0 }
const NEVER = { numerator: 0, denominator: 100 }

const READING: ReadonlySet<string> = new Set(['subset', 'override_host', 'aggregate', 'dynamic_host'])

/** What all clusters of one worker share. */
export interface ClusterSurroundings {
  readonly thread: ThreadContext
  readonly memory: HostCellMemory
  readonly rows: HostRows
  /** Null: nobody is told how hosts do. */
  readonly monitors: HostMonitors | null
  /** The clusters beside this one. */
  find(name: string): Cluster | undefined
  dnsCache(name: string): DnsCacheView
  /** The cluster that this proxy is a host of itself. */
  readonly localCluster: Cluster | undefined
  /** A snapshot that was made in steps has taken the place of the old one. */
  onRenewed(cluster: Cluster): void
}

function localityOf(thread: ThreadContext): Locality | null {
  const { locality } = thread.node
  if (locality === undefined) return null
  return { region: locality.region ?? '', zone: locality.zone ?? '', subZone: locality.subZone ?? '' }
}

/** What this proxy has found out itself, by checks or by traffic. */
const FAILED_HERE = FailedActiveHealthCheck | FailedOutlierCheck

export class Cluster {
  readonly name: string
  /** alt_stat_name, or the name: what stats and access logs say. */
  readonly observabilityName: string
  readonly plan: ClusterPlan
  /** Stats below 'cluster.<name>.'; slots in CLUSTER_SLOTS. */
  readonly stats: StatBlock
  readonly codeStats: ResponseCodeStats
  readonly transports: ClusterTransports
  /** What the balancer wants to know of responses; null: nothing. */
  readonly responses: ResponseObserver | null
  /** The balancer looks at requests, whatever their route says. */
  readonly readsRequests: boolean
  private readonly surroundings: ClusterSurroundings
  private readonly here: Locality | null
  private readonly limitsByPriority: readonly [ResourceLimits, ResourceLimits]
  private readonly parts: BalancerParts
  private hostsByRow = new Map<number, Host>()
  private policy: HostSetPolicy & { readonly dropOverload: number } = NO_POLICY
  private readonly maintenanceKey: string
  private runtime: RuntimeSnapshot | null = null
  private maintained = false
  private drops: Float64Array | null = null
  private groups: readonly HostGroup[] = []
  /** Null: it is made at the next request. That of a large cluster serves on while its successor is made. */
  private snapshot: Snapshot | null = null
  /** How often what a snapshot is made from has changed. */
  private changes = 0
  /** Of the snapshot that is being made; null: none is. */
  private renewal: Steps | null = null
  /** Failed hosts that the old snapshot may still choose. */
  private failing: Host[] = []

  /** `rowNumbers`: one per endpoint of the plan's assignment; null where main sends the hosts. */
  constructor(
    plan: ClusterPlan,
    location: LimitsLocation,
    surroundings: ClusterSurroundings,
    rowNumbers: readonly number[] | null,
  ) {
    const { thread } = surroundings
    const stats: StatStore = thread.stats
    const prefix = clusterStatPrefix(plan.observabilityName)
    const ledger = ledgerPosition(thread.workerIndex)
    this.name = plan.name
    this.observabilityName = plan.observabilityName
    this.plan = plan
    this.surroundings = surroundings
    this.here = localityOf(thread)
    this.maintenanceKey = `upstream.maintenance_mode.${plan.name}`
    this.stats = stats.block(prefix, CLUSTER_STATS)
    this.codeStats = new ResponseCodeStats(stats, prefix, this.here?.zone ?? '', {
      cells: this.stats.cells,
      slot: CLUSTER_SLOTS.upstream_rq_completed,
    })
    this.transports = new ClusterTransports(plan, thread)
    this.limitsByPriority = [
      new ResourceLimits(plan.limits[0], 0, location, ledger, thread.runtime),
      new ResourceLimits(plan.limits[1], 1, location, ledger, thread.runtime),
    ]
    this.responses = responseObserver(plan.balancer)
    this.readsRequests = READING.has(plan.balancer.kind)
    this.parts = {
      thread,
      stats: this.stats,
      healthyPanicThreshold: plan.healthyPanicThreshold,
      get localHosts() {
        const { localCluster } = surroundings
        // The local cluster itself does not look at zones, as in Envoy.
        return localCluster === undefined || localCluster.name === plan.name ? null : localCluster.hostSet
      },
      memory: { subsets: new Set(), subsetKeys: new WeakMap(), usedSubsets: () => [] },
      findCluster: name => surroundings.find(name),
      dnsCache: name => surroundings.dnsCache(name),
    }
    if (rowNumbers !== null) this.setStaticHosts(plan.assignment, rowNumbers)
  }

  /** Says where the request goes, for logs. */
  nameIn(info: StreamInfo): void {
    info.upstreamCluster = this.observabilityName
    info.upstreamClusterRaw = this.name
  }

  /** `cluster.<name>.http2.`; there from the first HTTP/2 connection on. */
  get http2Stats(): StatBlock {
    const { stats } = this.surroundings.thread
    return stats.block(`${clusterStatPrefix(this.observabilityName)}http2.`, HTTP2_STATS)
  }

  /** `upstream.maintenance_mode.<cluster>`: whether this request is turned away. */
  inMaintenance(): boolean {
    const { thread } = this.surroundings
    const { snapshot } = thread.runtime
    if (snapshot !== this.runtime) {
      this.runtime = snapshot
      this.maintained = snapshot.has(this.maintenanceKey)
    }
    return this.maintained && snapshot.featureEnabled(this.maintenanceKey, NEVER, thread.random())
  }

  /** ClusterLoadAssignment.Policy.drop_overloads: whether this request is dropped. */
  dropsOverload(): boolean {
    const { dropOverload } = this.policy
    return dropOverload > 0 && this.surroundings.thread.random() < dropOverload
  }

  /** A request was turned away before a host had it: load reports tell. */
  noteDropped(forOverload: boolean): void {
    if (this.drops === null) {
      const { memory } = this.surroundings
      this.drops = memory.allot()
      memory.report(this.name, [{ key: DROPS_KEY, cells: this.drops }])
    }
    this.drops[DROPS_TOTAL]! += 1
    if (forOverload) this.drops[DROPS_OVERLOAD]! += 1
  }

  /** Response stats under a name within those of the cluster. */
  codeStatsBelow(name: string): ResponseCodeStats {
    const { stats } = this.surroundings.thread
    return new ResponseCodeStats(stats, `${clusterStatPrefix(this.observabilityName)}${name}`, this.here?.zone ?? '')
  }

  /** Limits for a routing priority: 0 DEFAULT, 1 HIGH. */
  limits(priority: 0 | 1): ResourceLimits {
    return this.limitsByPriority[priority]
  }

  /** What a pool of `host` may take: within the cluster's limits those of the host, if it has any. */
  limitsOf(host: Host, priority: 0 | 1): StreamLimits {
    const plan = this.plan.hostLimits[priority]
    const limits = this.limitsByPriority[priority]
    return plan === null ? limits : new HostLimits(limits, host, plan)
  }

  /** Null when no host may be used. `context`: what the request wishes; null: nothing. */
  chooseHost(context: LoadBalancerContext | null): Host | null {
    const snapshot = this.snapshot ?? this.takeSnapshot()
    if (context !== null && context.overrideHost !== null) {
      const host = snapshot.byAddress.find(context.overrideHost)
      if (host !== null || context.overrideHostStrict) return host
    }
    return snapshot.balancer.chooseHost(context)
  }

  /** Replaced whenever the hosts or their health change. */
  get loadBalancer(): LoadBalancer {
    return (this.snapshot ?? this.takeSnapshot()).balancer
  }

  get hostSet(): HostSet {
    return (this.snapshot ?? this.takeSnapshot()).hostSet
  }

  private takeSnapshot(): Snapshot {
    this.snapshot = takeSnapshot(this.source(this.groups, this.policy))
    return this.snapshot
  }

  private source(groups: readonly HostGroup[], policy: HostSetPolicy): SnapshotSource {
    return { plan: this.plan, groups, policy, here: this.here, parts: this.parts }
  }

  /** What the snapshot was made from has changed. */
  private renew(): void {
    this.changes++
    if (this.hostsByRow.size <= LARGE_HOST_COUNT) this.snapshot = null
    if (this.snapshot === null || this.renewal !== null) return
    const renewal = this.renewInSteps()
    this.renewal = renewal
    const ended = (): void => {
      this.renewal = null
      this.surroundings.onRenewed(this)
    }
    inSlices(renewal, () => this.renewal === renewal, ended)
  }

  private *renewInSteps(): Steps {
    for (let changes = -1; changes !== this.changes; ) {
      changes = this.changes
      this.snapshot = yield* prepareSnapshot(this.source(this.groups, this.policy))
    }
    this.drainFailing()
  }

  /** The cluster that a chosen host belongs to: this one, or one that an aggregate cluster consists of. */
  clusterOf(host: Host): Cluster {
    if (this.plan.balancer.kind !== 'aggregate') return this
    return this.surroundings.find(host.clusterName) ?? this
  }

  hosts(): readonly Host[] {
    return this.hostSet.priorities.flatMap(priority => priority.hosts)
  }

  /**
   * Takes over new hosts; the last step swaps them in. Hosts that stay keep their connections and stats; those that go are
   * drained.
   */
  *takeHosts(shared: SharedHosts): Steps {
    const loader = new HostLoader(shared, this.hostsByRow, (key, endpoint, place, row) =>
      this.makeHost(key, endpoint, place, row),
    )
    while (!this.advance(loader)) yield
    // What discovery says of a host's health is in its row already; it ends no connection.
    const groups = yield* loader.finish(host => host.noteHealth(this.surroundings.thread.clock.now))
    const gone = yield* loader.gone()
    const { changes } = this
    const large = shared.count > LARGE_HOST_COUNT
    const snapshot = large ? yield* prepareSnapshot(this.source(groups, shared)) : null
    this.groups = groups
    this.hostsByRow = loader.hosts
    this.policy = shared
    this.snapshot = snapshot
    this.renewal = null
    this.afterSwap(gone)
    if (this.changes !== changes) this.renew()
  }

  private advance(loader: HostLoader): boolean {
    this.surroundings.thread.clock.update()
    const done = loader.advance()
    const fresh = loader.takeFresh()
    if (fresh.length > 0) this.surroundings.memory.report(this.name, fresh)
    return done
  }

  private afterSwap(gone: readonly Host[]): void {
    endSessions(gone)
    drainHosts(this.plan.closeConnectionsOnHostSetChange ? [...this.hostsByRow.values(), ...gone] : gone)
    this.drainFailing()
  }

  private drainFailing(): void {
    drainHosts(this.failing)
    this.failing = []
  }

  private makeHost(key: string, endpoint: EndpointPlan, place: HostPlace, rowNumber: number): Host {
    const { memory, rows, thread, monitors } = this.surroundings
    const { locality, priority } = place
    const row = rows.row(rowNumber)
    const { now } = thread.clock
    const host = new Host(this.name, key, endpoint, locality, priority, memory.allot(), row, now)
    host.monitor = monitors?.create(this.plan, key, row) ?? null
    const { balancer } = this.plan
    if (balancer.kind === 'maglev') maglevPlace(host, balancer.tableSize, balancer.useHostname)
    return host
  }

  /** The hosts of a cluster that discovers none. */
  private setStaticHosts(assignment: AssignmentPlan, rowNumbers: readonly number[]): void {
    this.surroundings.thread.clock.update()
    const keys = new HostKeys()
    const hosts: Host[] = []
    this.groups = assignment.localities.map(({ endpoints, ...place }) => {
      const from = hosts.length
      for (const endpoint of endpoints) {
        const rowNumber = rowNumbers[hosts.length] as number
        const host = this.makeHost(keys.next(endpoint), endpoint, place, rowNumber)
        hosts.push(host)
        this.hostsByRow.set(rowNumber, host)
      }
      return { ...place, hosts: hosts.slice(from) }
    })
    this.policy = assignment
    if (hosts.length > 0) this.surroundings.memory.report(this.name, hosts)
  }

  /** Health flags in the rows of hosts have changed: the next request finds a balancer that knows, or soon will. */
  onHostHealthChanged(): void {
    // What main posts comes outside of the turns that move the clock on.
    const now = this.surroundings.thread.clock.update()
    for (const host of this.hostsByRow.values()) {
      if (!host.noteHealth(now)) continue
      this.failing.push(host)
      if (host.tunnels === null || (host.healthFlags & FAILED_HERE) === 0) continue
      for (const connection of host.tunnels) connection.close(CloseNoFlush)
    }
    this.renew()
    if (this.snapshot === null) this.drainFailing()
  }

  /** True for an aggregate cluster that `name` is a part of. */
  dependsOn(name: string): boolean {
    const { balancer } = this.plan
    return balancer.kind === 'aggregate' && balancer.clusters.includes(name)
  }

  /** Hosts of another cluster, which the balancer looks at too, have changed. */
  onOtherHostsChanged(): void {
    this.renew()
  }

  /** The cluster is removed or replaced: what is under way finishes, nothing new begins. */
  drain(): void {
    this.renewal = null
    countSubsets(this.parts, new Set())
    for (const host of this.hostsByRow.values()) host.pools?.drain()
    endSessions(this.hostsByRow.values())
  }
}

/** Requests under way finish; idle connections are not worth keeping, and hosts that stay begin with new ones. */
function drainHosts(hosts: readonly Host[]): void {
  for (const host of hosts) {
    host.pools?.drain()
    host.pools = null
  }
}

function endSessions(hosts: Iterable<Host>): void {
  for (const { sessions } of hosts) for (const session of sessions?.all() ?? []) session.onHostGone()
}
