// The active health checks of one cluster: asks every host, and says how each of them is. Lives on main.
import { type Address, type Connection, ipAddress, type ThreadContext } from '../../net/index.ts'
import type { StatBlock } from '../../observability/index.ts'
import type { AssignmentPlan } from '../cluster-plan.ts'
import {
  ActiveHealthCheckTimeout,
  DegradedActiveHealthCheck,
  ExcludedViaImmediateHealthCheckFail,
  FailedActiveHealthCheck,
  PendingActiveHealthCheck,
} from '../health.ts'
import { type EndpointPlan, HostKeys, type Locality } from '../host.ts'
import { HealthCheckEvents } from './events.ts'
import type { HealthCheckEventSink, HealthCheckPlan } from './health-check-plan.ts'
import { HostSession, type HostSessionOwner } from './host-session.ts'
import { HC_DEGRADED, HC_HEALTHY, HEALTH_CHECK_STATS, HEALTH_CHECK_SUMMARY, HealthGauges } from './stats.ts'

/** Everything that an answer can set or clear. */
const CHECKED =
  FailedActiveHealthCheck | DegradedActiveHealthCheck | ActiveHealthCheckTimeout | PendingActiveHealthCheck

export interface ClusterHealthEnvironment {
  readonly thread: ThreadContext
  readonly clusterName: string
  /** 'cluster.<name>.' */
  readonly statPrefix: string
  /** Opens a connection for a check through the cluster's transport socket. */
  connect(address: Address, endpoint: EndpointPlan, plan: HealthCheckPlan): Connection
  /** The cluster has had a connection at any time. */
  hasTraffic(): boolean
  /** A host that is new begins with these flags. */
  setInitialHealth(key: string, set: number): void
  /** Sets and clears health flags of a host; everybody hears of it. */
  setHealth(key: string, set: number, clear: number): void
  /** A check of the host has passed or failed; comes after setHealth. */
  onChecked(key: string, healthy: boolean): void
  /** Every host that was there from the start has been asked once. Comes once. */
  onFirstRound(): void
}

/** One host and its sessions, one per health check of the cluster. */
interface CheckedHost {
  readonly key: string
  readonly sessions: readonly HostSession[]
  /** What a replaced configuration of checks would be recognised by. */
  readonly target: string
  excluded: boolean
  /** As of the last answer. */
  failed: boolean
}

export interface ClusterHealthOptions {
  /** New hosts are left out of the health of their priority until they have been asked once. */
  readonly ignoreNewHosts: boolean
}

export class ClusterHealth implements HostSessionOwner {
  private readonly plans: readonly HealthCheckPlan[]
  private readonly environment: ClusterHealthEnvironment
  private readonly options: ClusterHealthOptions
  private readonly stats: readonly StatBlock[]
  /** Of all health checks together, where they have names. */
  private readonly summary: StatBlock | null
  private readonly sinks: readonly (readonly HealthCheckEventSink[])[]
  private readonly hosts = new Map<string, CheckedHost>()
  private traffic = false
  /** Keys of hosts whose first answers are waited for; null once the first round is over. */
  private waiting: Set<string> | null = new Set()

  constructor(plans: readonly HealthCheckPlan[], environment: ClusterHealthEnvironment, options: ClusterHealthOptions) {
    const { thread, statPrefix } = environment
    this.plans = plans
    this.environment = environment
    this.options = options
    this.stats = plans.map(({ name }) =>
      thread.stats.block(`${statPrefix}health_check.${name === '' ? '' : `name.${name}.`}`, HEALTH_CHECK_STATS),
    )
    this.sinks = plans.map(({ eventSinks }) => eventSinks.map(sink => sink.open(thread)))
    const named = plans.some(({ name }) => name !== '')
    this.summary = named ? thread.stats.block(`${statPrefix}health_check.`, HEALTH_CHECK_SUMMARY) : null
    for (const { cells } of this.stats) cells[HC_HEALTHY] = cells[HC_DEGRADED] = 0
  }

  /** Takes over the hosts of an assignment; health of those that stay is kept. Checks of new ones begin. */
  update(assignment: AssignmentPlan): void {
    const keys = new HostKeys()
    const present = new Set<string>()
    const fresh: CheckedHost[] = []
    for (const { locality, endpoints } of assignment.localities) {
      for (const endpoint of endpoints) {
        const key = keys.next(endpoint)
        if (endpoint.healthCheck?.disabled === true) continue
        present.add(key)
        const target = `${checkAddress(endpoint)} ${endpoint.healthCheck?.hostname ?? ''}`
        if (this.hosts.get(key)?.target === target) continue
        this.leave(key)
        const host = this.join(key, target, endpoint, locality)
        this.hosts.set(key, host)
        fresh.push(host)
      }
    }
    for (const key of this.hosts.keys()) if (!present.has(key)) this.leave(key)
    for (const host of fresh) for (const session of host.sessions) session.start()
    this.noteRound()
  }

  private join(key: string, target: string, endpoint: EndpointPlan, locality: Locality): CheckedHost {
    const { thread, clusterName, statPrefix } = this.environment
    const sessions = this.plans.map((plan, i) => {
      const address = checkAddress(endpoint)
      const hostname = endpoint.healthCheck?.hostname || plan.checker.host
      const { type } = plan.checker
      const subject = { type, address: endpoint.address, clusterName, locality, metadata: endpoint.metadata }
      const events = new HealthCheckEvents(this.sinks[i] ?? [], subject, () => thread.clock.wallMs())
      const checkTarget = {
        thread,
        clusterName,
        statPrefix,
        address,
        hostname,
        timeoutMs: plan.timeoutMs,
        reuseConnection: plan.reuseConnection,
        connect: () => this.environment.connect(address, endpoint, plan),
      }
      const gauges = new HealthGauges(this.stats[i] as StatBlock, this.summary)
      return new HostSession(key, plan, checkTarget, this, this.stats[i] as StatBlock, gauges, events)
    })
    this.waiting?.add(key)
    const pending = this.options.ignoreNewHosts ? PendingActiveHealthCheck : 0
    this.environment.setInitialHealth(key, FailedActiveHealthCheck | pending)
    return { key, sessions, target, excluded: false, failed: true }
  }

  private leave(key: string): void {
    const host = this.hosts.get(key)
    if (host === undefined) return
    this.hosts.delete(key)
    this.waiting?.delete(key)
    for (const session of host.sessions) session.close()
  }

  // ---- answers

  hasTraffic(): boolean {
    this.traffic ||= this.environment.hasTraffic()
    return this.traffic
  }

  onAnswer(session: HostSession, first: boolean): void {
    const host = this.hosts.get(session.key)
    if (host === undefined) return
    const states = host.sessions.map(({ state }) => state)
    const failed = states.some(state => state.failed)
    let set = failed ? FailedActiveHealthCheck : 0
    if (states.some(state => state.degraded)) set |= DegradedActiveHealthCheck
    if (states.some(state => state.failed && state.timedOut)) set |= ActiveHealthCheckTimeout
    if (this.options.ignoreNewHosts && states.some(state => state.first)) set |= PendingActiveHealthCheck
    // As Envoy: a host that asked to be left out while it counted as healthy stays so until it has failed and come back.
    if (!failed && host.failed) host.excluded = false
    host.failed = failed
    if (host.excluded) set |= ExcludedViaImmediateHealthCheckFail
    this.environment.setHealth(host.key, set, (CHECKED | ExcludedViaImmediateHealthCheckFail) & ~set)
    if (first && states.every(state => !state.first)) {
      this.waiting?.delete(host.key)
      this.noteRound()
    }
    this.environment.onChecked(host.key, !failed)
  }

  onExcluded(session: HostSession): void {
    const host = this.hosts.get(session.key)
    if (host !== undefined) host.excluded = true
  }

  /** An answer to a client's request told that the host wants no more traffic (x-envoy-immediate-health-check-fail). */
  failImmediately(key: string): void {
    const host = this.hosts.get(key)
    if (host === undefined) return
    host.excluded = true
    for (const session of host.sessions) session.onCheckFailed('PASSIVE', 0, false)
  }

  /** Whether the host is checked and passes. */
  isHealthy(key: string): boolean {
    return this.hosts.get(key)?.sessions.every(({ state }) => !state.failed) ?? false
  }

  private noteRound(): void {
    if (this.waiting === null || this.waiting.size > 0) return
    this.waiting = null
    this.environment.onFirstRound()
  }

  /** The cluster goes: everything ends silently. */
  close(): void {
    this.waiting = null
    for (const key of [...this.hosts.keys()]) this.leave(key)
  }
}

/** Where checks of an endpoint go. */
function checkAddress({ address, healthCheck }: EndpointPlan): Address {
  if (healthCheck === null) return address
  const base = healthCheck.address ?? address
  if (healthCheck.port === 0 || base.kind === 'pipe') return base
  return ipAddress(base.host, healthCheck.port)
}
