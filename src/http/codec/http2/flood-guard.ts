// HOT FILE (docs/hot-path.md): frames that cost their sender little and us much, counted against what they serve for.
import type { Clock } from '../../../base/index.ts'
import type { Http2Options } from './options.ts'

/** WINDOW_UPDATE frames that are always granted: a connection begins with some. */
const FREE_WINDOW_UPDATES = 5

/** Each rule returns true while the peer keeps to it. */
export class FloodGuard {
  openedStreams = 0
  dataFramesSent = 0
  private readonly options: Http2Options
  private readonly clock: Clock
  private emptyFrames = 0
  private priorityFrames = 0
  private windowUpdates = 0
  private resetTokens: number
  private refilledMs: number

  constructor(options: Http2Options, clock: Clock) {
    this.options = options
    this.clock = clock
    this.resetTokens = options.streamResetBurst
    this.refilledMs = clock.now
  }

  /** DATA, HEADERS or CONTINUATION; `empty`: without payload, and it ends nothing. */
  onPayloadFrame(empty: boolean): boolean {
    if (!empty) {
      this.emptyFrames = 0
      return true
    }
    return ++this.emptyFrames <= this.options.maxConsecutiveEmptyFrames
  }

  onPriorityFrame(): boolean {
    return ++this.priorityFrames <= this.options.maxPriorityFramesPerStream * (1 + this.openedStreams)
  }

  onWindowUpdate(): boolean {
    const earned = this.openedStreams + this.options.maxWindowUpdatesPerDataFrame * this.dataFramesSent
    return ++this.windowUpdates <= FREE_WINDOW_UPDATES + 2 * earned
  }

  /** A stream ended by a reset, the peer's own or one that it provoked. */
  onReset(): boolean {
    if (this.resetTokens < this.options.streamResetBurst) {
      const { now } = this.clock
      const refill = ((now - this.refilledMs) / 1000) * this.options.streamResetRate
      this.resetTokens = Math.min(this.options.streamResetBurst, this.resetTokens + refill)
      this.refilledMs = now
    } else this.refilledMs = this.clock.now
    if (this.resetTokens < 1) return false
    this.resetTokens--
    return true
  }
}
