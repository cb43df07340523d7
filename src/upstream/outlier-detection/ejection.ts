// How long one host stays out, and how that grows with each time it is put out.

export interface EjectionTimes {
  readonly baseMs: number
  readonly maxMs: number
}

export class Ejection {
  /** Since the host is known. */
  count = 0
  ejected = false
  /** Monotonic ms of the last time; -1: never. */
  ejectedAtMs = -1
  unejectedAtMs = -1
  private multiplier = 0
  private jitterMs = 0

  eject(nowMs: number, { baseMs, maxMs }: EjectionTimes, jitterMs: number): void {
    this.ejected = true
    this.ejectedAtMs = nowMs
    this.jitterMs = jitterMs
    this.count++
    this.grow(baseMs, maxMs)
  }

  /** Time out grows with every time, up to the longest. */
  grow(baseMs: number, maxMs: number): void {
    if (this.multiplier * baseMs < maxMs + baseMs) this.multiplier++
  }

  uneject(nowMs: number): void {
    this.ejected = false
    this.unejectedAtMs = nowMs
  }

  /** The host has been well for an interval. */
  decay(nowMs: number, intervalMs: number): void {
    if (this.multiplier > 0 && nowMs - this.unejectedAtMs >= intervalMs) this.multiplier--
  }

  /** How long the host is to stay out in all. */
  durationMs({ baseMs, maxMs }: EjectionTimes): number {
    return Math.min(baseMs * this.multiplier, maxMs) + this.jitterMs
  }
}
