// HOT FILE (docs/hot-path.md): CircuitBreakers.per_host_thresholds; the counts of a host are those of all workers together.
import type { Host } from './host.ts'
import { ROW_HELD_CONNECTIONS, ROW_HELD_REQUESTS } from './host-rows.ts'
import { Connections, Requests, type ResourceKind, type ResourceLimits, type StreamLimits } from './resource-limits.ts'
import { HOST_CX_HELD, HOST_RQ_HELD } from './stats.ts'

/** Limits of each host for one routing priority. Infinity: none. */
export interface HostLimitsPlan {
  readonly maxConnections: number
  readonly maxRequests: number
}

/** What one host may have at one priority, within what the cluster may have. */
export class HostLimits implements StreamLimits {
  private readonly cluster: ResourceLimits
  private readonly host: Host
  private readonly plan: HostLimitsPlan
  /** The host itself refused last. */
  private refusing = false

  constructor(cluster: ResourceLimits, host: Host, plan: HostLimitsPlan) {
    this.cluster = cluster
    this.host = host
    this.plan = plan
  }

  canAcquire(kind: ResourceKind): boolean {
    const room =
      kind === Connections
        ? Atomics.load(this.host.row, ROW_HELD_CONNECTIONS) < this.plan.maxConnections
        : kind !== Requests || Atomics.load(this.host.row, ROW_HELD_REQUESTS) < this.plan.maxRequests
    return room && this.cluster.canAcquire(kind)
  }

  tryAcquire(kind: ResourceKind): boolean {
    const { plan } = this
    this.refusing = false
    if (kind === Connections) return this.tryBoth(kind, ROW_HELD_CONNECTIONS, HOST_CX_HELD, plan.maxConnections)
    if (kind === Requests) return this.tryBoth(kind, ROW_HELD_REQUESTS, HOST_RQ_HELD, plan.maxRequests)
    return this.cluster.tryAcquire(kind)
  }

  private tryBoth(kind: ResourceKind, cell: number, ledger: number, max: number): boolean {
    const { row, cells } = this.host
    if (Atomics.add(row, cell, 1) >= max) {
      Atomics.sub(row, cell, 1)
      this.refusing = true
      return false
    }
    if (!this.cluster.tryAcquire(kind)) {
      Atomics.sub(row, cell, 1)
      return false
    }
    cells[ledger]! += 1
    return true
  }

  forceAcquire(kind: ResourceKind): void {
    this.hold(kind, 1)
    this.cluster.forceAcquire(kind)
  }

  release(kind: ResourceKind): void {
    this.hold(kind, -1)
    this.cluster.release(kind)
  }

  private hold(kind: ResourceKind, by: 1 | -1): void {
    const { row, cells } = this.host
    if (kind === Connections) {
      Atomics.add(row, ROW_HELD_CONNECTIONS, by)
      cells[HOST_CX_HELD]! += by
    } else if (kind === Requests) {
      Atomics.add(row, ROW_HELD_REQUESTS, by)
      cells[HOST_RQ_HELD]! += by
    }
  }

  refusal(kind: ResourceKind): string {
    const refusal = this.cluster.refusal(kind)
    return this.refusing ? `per_host.${refusal}` : refusal
  }
}

/** A worker has died: what it held of a host is free again. `cells`: those that the worker wrote. */
export function releaseHostShare(row: Int32Array, cells: Float64Array): void {
  Atomics.sub(row, ROW_HELD_CONNECTIONS, cells[HOST_CX_HELD] as number)
  Atomics.sub(row, ROW_HELD_REQUESTS, cells[HOST_RQ_HELD] as number)
  cells[HOST_CX_HELD] = 0
  cells[HOST_RQ_HELD] = 0
}
