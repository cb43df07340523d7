// HOT FILE (docs/hot-path.md): the thread's clock is read once per event-loop turn, not per use (40 ns each).

/** Monotonic milliseconds since an arbitrary origin; injected in tests. */
export interface TimeSource {
  monotonicMs(): number
  /** Milliseconds since the Unix epoch, with fraction. */
  wallMs(): number
}

export const systemTime: TimeSource = {
  monotonicMs: () => performance.now(),
  wallMs: () => performance.timeOrigin + performance.now(),
}

/** A cached view of a TimeSource: `now` is valid for the current turn, `update()` opens a new one. */
export class Clock {
  now: number
  private readonly source: TimeSource

  constructor(source: TimeSource = systemTime) {
    this.source = source
    this.now = source.monotonicMs()
  }

  /** Called at the start of every I/O callback and timer tick; returns the new `now` in ms. */
  update(): number {
    this.now = this.source.monotonicMs()
    return this.now
  }

  /** Wall-clock milliseconds since the epoch, read afresh. */
  wallMs(): number {
    return this.source.wallMs()
  }
}
