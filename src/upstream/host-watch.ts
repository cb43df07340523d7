// What main finds out about the hosts of one cluster: by active health checks and by how traffic to them goes.
import type { ThreadContext } from '../net/index.ts'
import { type Address, type Connection, connect } from '../net/index.ts'
import type { StatBlock } from '../observability/index.ts'
import type { ClusterMembers } from './cluster-members.ts'
import type { AssignmentPlan, ClusterPlan } from './cluster-plan.ts'
import { ClusterTransports, MATCH_METADATA } from './cluster-transports.ts'
import type { Schedule } from './dns/dns-target.ts'
import { ClusterHealth } from './health-check/cluster-health.ts'
import type { HealthCheckPlan } from './health-check/health-check-plan.ts'
import { HealthUpdateWindow } from './health-update-window.ts'
import { type EndpointPlan, HostKeys } from './host.ts'
import type { HostEvent } from './host-monitor.ts'
import { ROW_CONSECUTIVE_5XX, ROW_CONSECUTIVE_GATEWAY, ROW_CONSECUTIVE_LOCAL } from './host-rows.ts'
import { OutlierDetector } from './outlier-detection/detector.ts'
import type { OutlierEventLog } from './outlier-detection/events.ts'
import { clusterStatPrefix } from './stats.ts'

export interface HostWatchEnvironment {
  readonly thread: () => ThreadContext
  readonly schedule: Schedule
  /** CLUSTER_MANAGER_STATS. */
  readonly managerStats: StatBlock
  readonly members: ClusterMembers
  readonly outlierLog: () => OutlierEventLog | null
  /** Workers look at the hosts' health again. */
  publishHealth(): void
  /** Sets and clears health flags of a host; gauges and workers follow. */
  setHealth(key: string, set: number, clear: number): void
  /** A worker has made a connection to the cluster. */
  hasTraffic(): boolean
  /** A host that discovery has dropped fails its checks. */
  onRetainedHostFailed(): void
  /** The cluster can be used: every host has been asked once. */
  onReady(): void
}

export class HostWatch {
  readonly window: HealthUpdateWindow
  readonly health: ClusterHealth | null
  readonly outliers: OutlierDetector | null
  private readonly environment: HostWatchEnvironment
  private retained: ReadonlySet<string> = new Set()

  constructor(plan: ClusterPlan, environment: HostWatchEnvironment) {
    const { schedule, managerStats } = environment
    this.environment = environment
    this.window = new HealthUpdateWindow(plan.updateMergeWindowMs, {
      schedule,
      now: () => performance.now(),
      stats: managerStats,
      publish: () => environment.publishHealth(),
    })
    this.health = plan.healthChecks.length === 0 ? null : this.clusterHealth(plan)
    if (this.health !== null) this.window.hold()
    this.outliers = this.outlierDetector(plan)
  }

  private clusterHealth(plan: ClusterPlan): ClusterHealth {
    const { environment } = this
    const thread = environment.thread()
    const transports = new ClusterTransports(plan, thread)
    return new ClusterHealth(
      plan.healthChecks,
      {
        thread,
        clusterName: plan.name,
        statPrefix: clusterStatPrefix(plan.observabilityName),
        connect: (address, endpoint, check) => openCheck(plan, transports, thread, address, endpoint, check),
        hasTraffic: () => environment.hasTraffic(),
        setInitialHealth: (key, set) => void environment.members.setHealth(key, set, 0),
        setHealth: (key, set, clear) => environment.setHealth(key, set, clear),
        onChecked: (key, healthy) => {
          if (healthy) this.outliers?.onHealthCheckPassed(key)
          else if (this.retained.has(key)) environment.onRetainedHostFailed()
        },
        onFirstRound: () => {
          this.window.release()
          environment.onReady()
        },
      },
      { ignoreNewHosts: plan.ignoreNewHostsUntilFirstHc },
    )
  }

  private outlierDetector({ name, observabilityName, outlierDetection }: ClusterPlan): OutlierDetector | null {
    if (outlierDetection === null) return null
    const { environment } = this
    const { thread, outlierLog, members } = environment
    return new OutlierDetector(outlierDetection, {
      thread: thread(),
      clusterName: name,
      statPrefix: clusterStatPrefix(observabilityName),
      log: outlierLog(),
      setHealth: (key, set, clear) => environment.setHealth(key, set, clear),
      resetConsecutive: key => {
        const row = members.get(key)?.row
        if (row === undefined) return
        for (const slot of [ROW_CONSECUTIVE_5XX, ROW_CONSECUTIVE_GATEWAY, ROW_CONSECUTIVE_LOCAL]) {
          Atomics.store(row, slot, 0)
        }
      },
    })
  }

  /** What a worker saw of a host. */
  onHostEvent({ key, event }: HostEvent): void {
    if (event === 'IMMEDIATE_HEALTH_CHECK_FAIL') this.health?.failImmediately(key)
    else if (event === 'DEGRADED') this.outliers?.onDegraded(key)
    else this.outliers?.onConsecutive(key, event)
  }

  /** The hosts are now these; members know them already. `retained`: those that discovery has dropped. */
  update(plan: AssignmentPlan, retained: ReadonlySet<string>): void {
    this.retained = retained
    this.health?.update(plan)
    if (this.outliers !== null) this.outliers.update(addressesByKey(plan))
  }

  /** Whether a host passes its health checks, and there are any. */
  isChecked(key: string): boolean {
    return this.health?.isHealthy(key) === true
  }

  close(): void {
    this.health?.close()
    this.outliers?.close()
    this.window.close()
  }
}

/** Opens a connection for a check, through the transport socket that traffic or the check's own criteria choose. */
function openCheck(
  { connectOptions }: ClusterPlan,
  transports: ClusterTransports,
  thread: ThreadContext,
  address: Address,
  { hostname, metadata }: EndpointPlan,
  { alpnProtocols, transportSocketMatchCriteria }: HealthCheckPlan,
): Connection {
  const criteria = transportSocketMatchCriteria
  const transport = transports.of(criteria === null ? metadata : { [MATCH_METADATA]: criteria })
  if (transport === null) return connect(thread, address, connectOptions)
  const overrides = alpnProtocols.length === 0 ? null : { alpnOverride: alpnProtocols }
  return transport.connect({ address, hostname }, connectOptions, overrides)
}

function addressesByKey(plan: AssignmentPlan): ReadonlyMap<string, string> {
  const keys = new HostKeys()
  const endpoints = plan.localities.flatMap(locality => locality.endpoints)
  return new Map(endpoints.map(endpoint => [keys.next(endpoint), endpoint.address.toString()]))
}
