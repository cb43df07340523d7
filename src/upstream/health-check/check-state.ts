// What answers mean for one host under one health check (envoy-docs: health checking, "thresholds").
import type { HealthCheckPlan } from './health-check-plan.ts'

/** The answer leaves the host as it was. */
export const Unchanged = 0
/** More answers of this kind and the host changes. */
export const ChangePending = 1
export const Changed = 2
export type Transition = typeof Unchanged | typeof ChangePending | typeof Changed

export class CheckState {
  /** Hosts begin as failed: they get no traffic before a check has passed. */
  failed = true
  degraded = false
  /** The host is failed, and its last check timed out. */
  timedOut = false
  /** No answer was heard yet. */
  first = true
  private readonly plan: Pick<HealthCheckPlan, 'healthyThreshold' | 'unhealthyThreshold'>
  private passes = 0
  private failures = 0

  constructor(plan: Pick<HealthCheckPlan, 'healthyThreshold' | 'unhealthyThreshold'>) {
    this.plan = plan
  }

  passed(degraded: boolean): Transition {
    this.failures = 0
    let transition: Transition = Unchanged
    if (this.failed) {
      // The first answer ever decides alone, so that a start does not take several intervals.
      if (this.first || ++this.passes >= this.plan.healthyThreshold) {
        this.failed = false
        this.timedOut = false
        transition = Changed
      } else transition = ChangePending
    }
    this.first = false
    if (degraded !== this.degraded) {
      this.degraded = degraded
      if (transition === Unchanged) transition = Changed
    }
    return transition
  }

  /** `definite`: fails the host at once, whatever the threshold. */
  notPassed(definite: boolean, timeout: boolean): Transition {
    this.passes = 0
    let transition: Transition = Unchanged
    if (!this.failed) {
      if (definite || ++this.failures >= this.plan.unhealthyThreshold) {
        this.failed = true
        transition = Changed
      } else transition = ChangePending
    }
    if (this.failed) this.timedOut = timeout
    this.first = false
    return transition
  }
}
