// Attempts besides the present one, made for the first of them: a retry that waits for its back-off to pass, and attempts
// whose per-try timeout has passed but whose answer would still be taken (HedgePolicy).
import { Timer, type TimerOwner } from '../base/index.ts'
import type { HeaderMap } from '../http/index.ts'
import * as http from '../http/index.ts'
import type { RouterFilter } from './router-filter.ts'
import { setExpectedTimeout, setGrpcTimeout } from './timeouts.ts'
import type { UpstreamRequest } from './upstream-request.ts'

const BACK_OFF_TIMER = 0

export class FurtherAttempts implements TimerOwner {
  private readonly router: RouterFilter
  private readonly backOffTimer = new Timer(this, BACK_OFF_TIMER)
  private readonly hedged: UpstreamRequest[] = []
  /** The attempt before the next one took too long. */
  private timedOut = false

  constructor(router: RouterFilter) {
    this.router = router
  }

  // ---- retries

  schedule(backOffMs: number): void {
    this.router.upstream = null
    this.router.thread.timers.arm(this.backOffTimer, backOffMs)
  }

  /** The attempt that has just ended took too long. */
  scheduleAfterTimeout(backOffMs: number): void {
    this.timedOut = true
    this.schedule(backOffMs)
  }

  /** `request` was answered badly and goes again, without disturbing another attempt that runs. */
  scheduleBeside(request: UpstreamRequest, backOffMs: number): void {
    this.remove(request)
    const running = this.router.upstream
    this.schedule(backOffMs)
    if (running !== null && running !== request) this.hedged.push(running)
  }

  onTimer(): void {
    const { router, timedOut } = this
    if (router.done) return
    this.timedOut = false
    router.thread.buffers.enter()
    this.tellUpstream(router.headers as HeaderMap, timedOut)
    router.attempt(false, null)
    router.thread.buffers.leave()
  }

  /** What the next attempt's headers say of it. */
  private tellUpstream(headers: HeaderMap, timedOut: boolean): void {
    const { router } = this
    const { route, timeouts, plan } = router
    if (route.virtualHost.includeRequestAttemptCount)
      headers.set(http.X_ENVOY_ATTEMPT_COUNT, String(router.attempts + 1))
    if (route.virtualHost.includeIsTimeoutRetryHeader)
      headers.set(http.X_ENVOY_IS_TIMEOUT_RETRY, timedOut ? 'true' : 'false')
    const expectedMs = timeouts.expectedMs(router.thread.clock.now - router.requestEndMs)
    if (headers.has(http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS) && !plan.suppressEnvoyHeaders)
      setExpectedTimeout(headers, expectedMs)
    setGrpcTimeout(route, headers, expectedMs)
  }

  stopWaiting(): void {
    this.router.thread.timers.disarm(this.backOffTimer)
  }

  // ---- hedges

  /** `request` has taken too long: it runs on beside the next one. */
  hedge(request: UpstreamRequest, backOffMs: number): void {
    this.hedged.push(request)
    this.scheduleAfterTimeout(backOffMs)
  }

  isHedged(request: UpstreamRequest): boolean {
    return this.hedged.includes(request)
  }

  get anyHedged(): boolean {
    return this.hedged.length > 0
  }

  remove(request: UpstreamRequest): void {
    const index = this.hedged.indexOf(request)
    if (index >= 0) this.hedged.splice(index, 1)
  }

  /** Another attempt than `request` is under way, or about to be. */
  awaitsAnother(request: UpstreamRequest): boolean {
    const { upstream } = this.router
    if (this.backOffTimer.armed || (upstream !== null && upstream !== request)) return true
    return this.hedged.length > (this.isHedged(request) ? 1 : 0)
  }

  /** `request` has won: the others are given up. */
  settle(request: UpstreamRequest): void {
    const { router } = this
    this.remove(request)
    if (router.upstream !== request) router.upstream?.abandon()
    this.abandonHedged()
    router.upstream = request
    this.stopWaiting()
  }

  /** All hedged ones; from here on there are none. */
  takeHedged(): UpstreamRequest[] {
    return this.hedged.splice(0)
  }

  abandonHedged(): void {
    for (const attempt of this.takeHedged()) attempt.abandon()
  }
}
