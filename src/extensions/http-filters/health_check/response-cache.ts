import type { Clock } from '../../../base/index.ts'

/** What the origin said to the last health check; forgotten every `cacheMs`, whenever it was said (Envoy). */
export class ResponseCache {
  status = 200
  degraded = false
  private readonly clock: Clock
  private readonly cacheMs: number
  private readonly startMs: number
  private period = -1

  constructor(clock: Clock, cacheMs: number) {
    this.clock = clock
    this.cacheMs = cacheMs
    this.startMs = clock.now
  }

  private currentPeriod(): number {
    return Math.floor((this.clock.now - this.startMs) / this.cacheMs)
  }

  isFresh(): boolean {
    return this.period === this.currentPeriod()
  }

  remember(status: number, degraded: boolean): void {
    this.status = status
    this.degraded = degraded
    this.period = this.currentPeriod()
  }
}
