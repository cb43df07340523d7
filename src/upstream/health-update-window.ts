// When workers hear of changed health (CommonLbConfig.update_merge_window; Envoy: ClusterManagerImpl::scheduleUpdate).
import type { StatBlock } from '../observability/index.ts'
import type { Schedule } from './dns/dns-target.ts'
import { CLUSTER_MANAGER_STATS } from './stats.ts'

const UPDATED = CLUSTER_MANAGER_STATS.slot('cluster_updated')
const MERGED = CLUSTER_MANAGER_STATS.slot('cluster_updated_via_merge')
const CANCELLED = CLUSTER_MANAGER_STATS.slot('update_merge_cancelled')
const OUT_OF_WINDOW = CLUSTER_MANAGER_STATS.slot('update_out_of_merge_window')

export interface UpdateWindowEnvironment {
  readonly schedule: Schedule
  /** Monotonic ms. */
  readonly now: () => number
  /** CLUSTER_MANAGER_STATS. */
  readonly stats: StatBlock
  /** Tells the workers. */
  readonly publish: () => void
}

/** The first change goes out at once; those within the window after it go out together at its end. */
export class HealthUpdateWindow {
  private readonly windowMs: number
  private readonly environment: UpdateWindowEnvironment
  private lastMs = Number.NEGATIVE_INFINITY
  private cancel: (() => void) | null = null
  private held = false

  /** `windowMs` 0: every change goes out at once. */
  constructor(windowMs: number, environment: UpdateWindowEnvironment) {
    this.windowMs = windowMs
    this.environment = environment
  }

  /** Health of a host has changed. */
  onChange(): void {
    if (this.held || this.cancel !== null) return
    const { now, stats, publish, schedule } = this.environment
    const sinceMs = now() - this.lastMs
    if (this.windowMs === 0 || sinceMs > this.windowMs) {
      if (this.windowMs > 0) stats.cells[OUT_OF_WINDOW]! += 1
      this.lastMs = now()
      stats.cells[UPDATED]! += 1
      publish()
      return
    }
    this.cancel = schedule(this.windowMs - sinceMs, () => {
      this.cancel = null
      this.lastMs = now()
      stats.cells[MERGED]! += 1
      publish()
    })
  }

  /** The hosts themselves are being published, their health with them. */
  onHostsPublished(): void {
    const { now, stats } = this.environment
    if (this.cancel !== null) stats.cells[CANCELLED]! += 1
    this.close()
    this.lastMs = now()
    stats.cells[UPDATED]! += 1
  }

  /** While nobody uses the cluster yet, changes are of no interest; `release` tells of all of them. */
  hold(): void {
    this.held = true
  }

  release(): void {
    if (!this.held) return
    this.held = false
    this.environment.publish()
  }

  close(): void {
    this.cancel?.()
    this.cancel = null
  }
}
