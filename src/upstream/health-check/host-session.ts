// One host under one health check: asks it at the right times, counts and logs what comes of it.
import { Timer, type TimerOwner } from '../../base/index.ts'
import type { StatBlock } from '../../observability/index.ts'
import { Changed, CheckState, type Transition } from './check-state.ts'
import type { CheckFailure, CheckResults, CheckTarget, HostCheck } from './checker.ts'
import type { HealthCheckEvents } from './events.ts'
import type { HealthCheckPlan } from './health-check-plan.ts'
import { nextIntervalMs } from './intervals.ts'
import {
  HC_ATTEMPT,
  HC_FAILURE,
  HC_NETWORK_FAILURE,
  HC_PASSIVE_FAILURE,
  HC_SUCCESS,
  HC_VERIFY_CLUSTER,
  type HealthGauges,
} from './stats.ts'

const INTERVAL_TIMER = 0
const TIMEOUT_TIMER = 1

export interface HostSessionOwner {
  /** The cluster has had traffic at any time. */
  hasTraffic(): boolean
  /** After every answer. `first`: it was the first one of this session. */
  onAnswer(session: HostSession, first: boolean): void
  /** The host itself asks to be left out of the health of its priority. */
  onExcluded(session: HostSession): void
}

export class HostSession implements CheckResults, TimerOwner {
  readonly state: CheckState
  readonly key: string
  private readonly plan: HealthCheckPlan
  private readonly target: CheckTarget
  private readonly owner: HostSessionOwner
  private readonly cells: StatBlock['cells']
  private readonly gauges: HealthGauges
  private readonly events: HealthCheckEvents
  private readonly check: HostCheck
  private readonly intervalTimer = new Timer(this, INTERVAL_TIMER)
  private readonly timeoutTimer = new Timer(this, TIMEOUT_TIMER)
  private closed = false

  constructor(
    key: string,
    plan: HealthCheckPlan,
    target: CheckTarget,
    owner: HostSessionOwner,
    stats: StatBlock,
    gauges: HealthGauges,
    events: HealthCheckEvents,
  ) {
    this.key = key
    this.plan = plan
    this.target = target
    this.owner = owner
    this.cells = stats.cells
    this.gauges = gauges
    this.events = events
    this.state = new CheckState(plan)
    this.check = plan.checker.open(target, this)
  }

  /** The first check comes at once, or within initial_jitter. */
  start(): void {
    const { thread } = this.target
    const { initialJitterMs } = this.plan.intervals
    thread.clock.update()
    if (initialJitterMs > 0) thread.timers.arm(this.intervalTimer, thread.random() * initialJitterMs)
    else this.begin()
  }

  private begin(): void {
    const { thread } = this.target
    this.cells[HC_ATTEMPT]! += 1
    thread.timers.arm(this.timeoutTimer, this.plan.timeoutMs)
    // What a check writes goes out now, not with the next turn's.
    thread.buffers.enter()
    this.check.begin()
    thread.buffers.leave()
  }

  onTimer(kind: number): void {
    if (kind === INTERVAL_TIMER) {
      this.begin()
      return
    }
    this.check.timeOut()
    this.onCheckFailed('NETWORK_TIMEOUT', 0, true)
  }

  onCheckPassed(degraded: boolean): void {
    if (this.closed) return
    const { state, events } = this
    const { first, failed, degraded: wasDegraded } = state
    const transition = state.passed(degraded)
    this.cells[HC_SUCCESS]! += 1
    if (failed && !state.failed) events.addHealthy(first)
    else if (this.plan.alwaysLogSuccess) events.successful()
    if (degraded !== wasDegraded) events.degraded(degraded)
    this.finish(true, transition, first)
  }

  onCheckFailed(failure: CheckFailure, httpStatus: number, retriable: boolean): void {
    if (this.closed) return
    const { state, events, cells } = this
    const { first } = state
    const network = failure === 'NETWORK' || failure === 'NETWORK_TIMEOUT'
    const transition = state.notPassed(!network && !retriable, failure === 'NETWORK_TIMEOUT')
    cells[HC_FAILURE]! += 1
    if (network) cells[HC_NETWORK_FAILURE]! += 1
    else if (failure === 'PASSIVE') cells[HC_PASSIVE_FAILURE]! += 1
    if (transition === Changed) events.ejectUnhealthy(failure, httpStatus)
    if (first || this.plan.alwaysLogFailures) events.failure(failure, httpStatus, first)
    // A passive failure says nothing about the check under way, or about when the next one is due.
    if (failure === 'PASSIVE') this.report(first)
    else this.finish(false, transition, first)
  }

  onExcluded(): void {
    this.owner.onExcluded(this)
  }

  onClusterVerified(): void {
    this.cells[HC_VERIFY_CLUSTER]! += 1
  }

  private finish(passed: boolean, transition: Transition, first: boolean): void {
    const { thread } = this.target
    thread.timers.disarm(this.timeoutTimer)
    // The owner may close this session: a removed host that fails goes.
    this.report(first)
    if (this.closed) return
    const last = { passed, transition, traffic: this.owner.hasTraffic() }
    const ms = nextIntervalMs(this.plan.intervals, last, thread.random, thread.runtime.snapshot)
    thread.timers.arm(this.intervalTimer, ms)
  }

  private report(first: boolean): void {
    this.gauges.set(!this.state.failed, this.state.degraded)
    this.owner.onAnswer(this, first)
  }

  close(): void {
    this.closed = true
    this.gauges.set(false, false)
    const { timers } = this.target.thread
    timers.disarm(this.intervalTimer)
    timers.disarm(this.timeoutTimer)
    this.check.close()
  }
}
