// HOT FILE (docs/hot-path.md): circuit breakers; one atomic addition per acquired resource holds them across workers.
import type { RuntimeSnapshot } from '../config/index.ts'
import { cellIndex, type LimitsLocation } from './limits-memory.ts'
import { RecentRequests } from './recent-requests.ts'

export const Connections = 0
export const PendingRequests = 1
export const Requests = 2
export const Retries = 3
export type ResourceKind = typeof Connections | typeof PendingRequests | typeof Requests | typeof Retries

/** The name of each kind's limit in envoy.config.cluster.v3.CircuitBreakers.Thresholds. */
export const LIMIT_NAMES: readonly string[] = ['max_connections', 'max_pending_requests', 'max_requests', 'max_retries']

/** What a pool needs of the limits: those of the cluster, or of the cluster and a host. */
export interface StreamLimits {
  canAcquire(kind: ResourceKind): boolean
  /** Takes one; false when a limit is reached. Each true must be met by one release(). */
  tryAcquire(kind: ResourceKind): boolean
  /** Takes one whatever the limit: a host without any connection may always have one. */
  forceAcquire(kind: ResourceKind): void
  release(kind: ResourceKind): void
  /** The name of the limit that has just refused, such as 'default.max_requests'. */
  refusal(kind: ResourceKind): string
}

export interface RetryBudgetPlan {
  readonly percent: number
  readonly minRetryConcurrency: number
  /** A share of the requests begun in this time; 0: of those under way. */
  readonly intervalMs: number
}

/** envoy.config.cluster.v3.CircuitBreakers.Thresholds of one priority. */
export interface LimitsPlan {
  /** By resource kind. */
  readonly max: readonly [number, number, number, number]
  /** Replaces max_retries. */
  readonly retryBudget: RetryBudgetPlan | null
  readonly trackRemaining: boolean
  /** 'circuit_breakers.<cluster>.<priority>.', where the runtime may override the limits. */
  readonly runtimePrefix: string
}

/** The limits of one cluster and priority as one thread uses them. The counts are those of all threads together. */
export class ResourceLimits implements StreamLimits {
  private readonly plan: LimitsPlan
  private readonly priority: string
  private readonly runtime: { readonly snapshot: RuntimeSnapshot }
  private readonly cells: Int32Array
  private readonly base: number
  private readonly stride: number
  private readonly ledger: number
  private readonly max: Float64Array
  private readonly recent: RecentRequests | null
  private budgetPercent = 0
  private minRetryConcurrency = 0
  private hasBudget = false
  private snapshot: RuntimeSnapshot

  /** `ledger`: ledgerPosition() of this thread. */
  constructor(
    plan: LimitsPlan,
    priority: 0 | 1,
    location: LimitsLocation,
    ledger: number,
    runtime: { readonly snapshot: RuntimeSnapshot },
  ) {
    this.plan = plan
    this.priority = priority === 0 ? 'default.' : 'high.'
    this.runtime = runtime
    this.cells = new Int32Array(location.memory)
    this.base = cellIndex(location, priority, 0)
    this.stride = location.stride
    this.ledger = ledger
    this.max = new Float64Array(4)
    const intervalMs = plan.retryBudget?.intervalMs ?? 0
    const { recent } = location
    this.recent = recent !== null && intervalMs > 0 ? new RecentRequests(recent, priority, intervalMs) : null
    this.snapshot = runtime.snapshot
    this.readLimits()
  }

  private readLimits(): void {
    const { plan } = this
    const { snapshot } = this.runtime
    this.snapshot = snapshot
    for (let kind = 0; kind < 4; kind++) {
      this.max[kind] = snapshot.getNumber(plan.runtimePrefix + LIMIT_NAMES[kind], plan.max[kind] as number)
    }
    const percent = snapshot.getNumber(
      `${plan.runtimePrefix}retry_budget.budget_percent`,
      plan.retryBudget?.percent ?? -1,
    )
    this.hasBudget = percent >= 0
    this.budgetPercent = percent
    this.minRetryConcurrency = snapshot.getNumber(
      `${plan.runtimePrefix}retry_budget.min_retry_concurrency`,
      plan.retryBudget?.minRetryConcurrency ?? 3,
    )
  }

  /** How many of `kind` may be held at the moment. */
  limit(kind: ResourceKind): number {
    if (this.runtime.snapshot !== this.snapshot) this.readLimits()
    if (kind === Retries && this.hasBudget) {
      const active = this.recent?.count ?? this.count(Requests) + this.count(PendingRequests)
      return Math.max(Math.floor((this.budgetPercent / 100) * active), this.minRetryConcurrency)
    }
    return this.max[kind] as number
  }

  /** How many of `kind` all threads hold. */
  count(kind: ResourceKind): number {
    return Atomics.load(this.cells, this.base + kind * this.stride)
  }

  canAcquire(kind: ResourceKind): boolean {
    return this.count(kind) < this.limit(kind)
  }

  tryAcquire(kind: ResourceKind): boolean {
    const { cells } = this
    const at = this.base + kind * this.stride
    if (Atomics.add(cells, at, 1) >= this.limit(kind)) {
      Atomics.sub(cells, at, 1)
      return false
    }
    cells[at + this.ledger]! += 1
    if (kind === Requests) this.recent?.note()
    return true
  }

  forceAcquire(kind: ResourceKind): void {
    const at = this.base + kind * this.stride
    Atomics.add(this.cells, at, 1)
    this.cells[at + this.ledger]! += 1
  }

  release(kind: ResourceKind): void {
    const at = this.base + kind * this.stride
    Atomics.sub(this.cells, at, 1)
    this.cells[at + this.ledger]! -= 1
  }

  refusal(kind: ResourceKind): string {
    return this.priority + (kind === Retries && this.hasBudget ? 'retry_budget' : (LIMIT_NAMES[kind] as string))
  }
}
