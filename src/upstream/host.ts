// HOT FILE (docs/hot-path.md): one upstream host as one worker sees it.
import type { ListMember, MemberList } from '../base/index.ts'
import type { Address, CloseNoFlush } from '../net/index.ts'
import { FailedActiveHealthCheck, type Health, healthOf, Unhealthy } from './health.ts'
import type { HostMonitor } from './host-monitor.ts'
import { ROW_HEALTH_FLAGS } from './host-rows.ts'

export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subZone: string
}

export interface HostSession extends ListMember {
  /** The host has left its cluster, or the cluster is gone. */
  onHostGone(): void
}

/** What the cluster must be able to tell the connections of a host; connection-pool implements it. */
export interface DrainableHostPools {
  /** Idle connections end now, busy ones behind their response. */
  drain(): void
}

/** envoy.config.endpoint.v3.Endpoint.HealthCheckConfig. */
export interface EndpointHealthCheck {
  /** Where checks go instead of the endpoint's address; null: there too. */
  readonly address: Address | null
  /** Port for checks; 0: that of the address. */
  readonly port: number
  /** Host name for checks; '' for that of the health check. */
  readonly hostname: string
  /** This endpoint is not checked and counts as healthy. */
  readonly disabled: boolean
}

/** What a configuration or discovery says of one endpoint. */
export interface EndpointPlan {
  readonly address: Address
  /** Where else the same host is. */
  readonly additionalAddresses: readonly Address[]
  readonly hostname: string
  readonly weight: number
  /** What discovery says: health flag bits (health.ts). */
  readonly healthFlags: number
  readonly canary: boolean
  /** envoy.config.core.v3.Metadata.filter_metadata. */
  readonly metadata: Readonly<Record<string, object>> | null
  /** Null: checks go where traffic goes. */
  readonly healthCheck: EndpointHealthCheck | null
}

/** Of tables of one size. */
export interface MaglevPlace {
  readonly tableSize: number
  readonly key: string
  readonly offset: number
  readonly skip: number
}

export class Host {
  readonly clusterName: string
  /** From HostKeys. */
  readonly key: string
  readonly address: Address
  additionalAddresses: readonly Address[]
  /** The address as it is printed and logged. */
  readonly addressText: string
  /** Endpoint.hostname, or the DNS name it was resolved from; '' when unknown. */
  readonly hostname: string
  weight: number
  locality: Locality
  /** 0 is the highest. */
  priority: number
  canary: boolean
  metadata: Readonly<Record<string, object>> | null
  /** HOST_* slots; a view on memory that main reads. */
  readonly cells: Float64Array
  /** ROW_* cells; shared by all threads. */
  readonly row: Int32Array
  /** Health flags as this worker last looked at them. */
  knownFlags: number
  /** When this worker first saw the host in health: on joining, or on its first passing check. For slow start. */
  healthySinceMs: number
  /** Of the record that describes it (shared-hosts.ts). */
  stampLow = 0
  stampHigh = 0
  /** Where maglev tables place the host; it costs hashing to find out. */
  maglev: MaglevPlace | null = null
  /** Moving average of response times (peak EWMA); 0: none yet. */
  ewmaMs = 0
  ewmaAtMs = 0
  /** Null where nobody watches how the host does. */
  monitor: HostMonitor | null = null
  /** Connections that each carry one downstream connection, where they are to end when the host fails. */
  tunnels: Set<{ close(kind: typeof CloseNoFlush): void }> | null = null
  /** What uses the host without a pool or a connection, and ends when the host goes. Made at first use. */
  sessions: MemberList<HostSession> | null = null
  /** Made by connection-pool at first use. */
  pools: DrainableHostPools | null = null

  constructor(
    clusterName: string,
    key: string,
    endpoint: EndpointPlan,
    locality: Locality,
    priority: number,
    cells: Float64Array,
    row: Int32Array,
    nowMs: number,
  ) {
    this.clusterName = clusterName
    this.key = key
    this.address = endpoint.address
    this.additionalAddresses = endpoint.additionalAddresses
    this.addressText = endpoint.address.toString()
    this.hostname = endpoint.hostname
    this.weight = endpoint.weight
    this.locality = locality
    this.priority = priority
    this.canary = endpoint.canary
    this.metadata = endpoint.metadata
    this.cells = cells
    this.row = row
    this.knownFlags = this.healthFlags
    this.healthySinceMs = (this.knownFlags & FailedActiveHealthCheck) === 0 ? nowMs : Number.NEGATIVE_INFINITY
  }

  /** Takes over what may change while the host stays the same. */
  update(endpoint: EndpointPlan): void {
    this.additionalAddresses = endpoint.additionalAddresses
    this.weight = endpoint.weight
    this.canary = endpoint.canary
    this.metadata = endpoint.metadata
  }

  move(locality: Locality, priority: number): void {
    this.locality = locality
    this.priority = priority
  }

  /** Health flag bits; 0: healthy. */
  get healthFlags(): number {
    return this.row[ROW_HEALTH_FLAGS] as number
  }

  /** Looks at the flags again; true when a host that could be used no longer can. */
  noteHealth(nowMs: number): boolean {
    const before = this.knownFlags
    const after = this.healthFlags
    if (before === after) return false
    this.knownFlags = after
    const passes = (before & ~after & FailedActiveHealthCheck) !== 0
    if (passes) this.healthySinceMs = nowMs
    return healthOf(before) !== Unhealthy && healthOf(after) === Unhealthy
  }

  get health(): Health {
    return healthOf(this.healthFlags)
  }
}

/**
 * Names the hosts of one assignment, in order: those with the same key before and after an update are the same host.
 * An endpoint that is configured twice is two hosts, as in Envoy.
 */
export class HostKeys {
  private readonly seen = new Map<string, number>()

  next(endpoint: EndpointPlan): string {
    const { address, hostname } = endpoint
    const key = hostname === '' ? address.toString() : `${address.toString()} ${hostname}`
    const count = (this.seen.get(key) ?? 0) + 1
    this.seen.set(key, count)
    return count === 1 ? key : `${key} #${count}`
  }
}
