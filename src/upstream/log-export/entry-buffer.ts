// Log entries that wait until there are enough of them, or until it is time.
import { Timer, type TimerOwner } from '../../base/index.ts'
import type { ThreadContext } from '../../net/index.ts'
import { type StatBlock, statTemplate } from '../../observability/index.ts'

export const LOG_EXPORT_STATS = statTemplate({ counters: ['logs_written', 'logs_dropped'] })
const WRITTEN = LOG_EXPORT_STATS.slot('logs_written')
const DROPPED = LOG_EXPORT_STATS.slot('logs_dropped')

export interface LogExporter {
  /** Sends the entries; false: not now, they are kept. */
  export(entries: readonly Uint8Array[]): boolean
}

/** Keeps no more than `maxBytes` and one entry; what comes while nothing can be sent is dropped and counted. */
export class EntryBuffer implements TimerOwner {
  private readonly thread: ThreadContext
  private readonly stats: StatBlock
  private readonly exporter: LogExporter
  private readonly maxBytes: number
  private readonly intervalMs: number
  private readonly timer = new Timer(this, 0)
  private entries: Uint8Array[] = []
  private bytes = 0

  /** `maxBytes` 0: every entry is sent at once. */
  constructor(thread: ThreadContext, stats: StatBlock, exporter: LogExporter, maxBytes: number, intervalMs: number) {
    this.thread = thread
    this.stats = stats
    this.exporter = exporter
    this.maxBytes = maxBytes
    this.intervalMs = intervalMs
  }

  add(entry: Uint8Array): void {
    if (!this.hasRoom()) {
      this.stats.cells[DROPPED]! += 1
      return
    }
    this.stats.cells[WRITTEN]! += 1
    this.entries.push(entry)
    this.bytes += entry.length
    if (this.bytes >= this.maxBytes) this.flush()
    if (this.entries.length > 0 && !this.timer.armed) this.thread.timers.arm(this.timer, this.intervalMs)
  }

  private hasRoom(): boolean {
    if (this.entries.length === 0 || this.bytes < this.maxBytes) return true
    this.flush()
    return this.entries.length === 0
  }

  private flush(): void {
    if (this.entries.length === 0 || !this.exporter.export(this.entries)) return
    this.entries = []
    this.bytes = 0
  }

  onTimer(): void {
    this.thread.buffers.enter()
    this.flush()
    this.thread.buffers.leave()
    if (this.entries.length > 0) this.thread.timers.arm(this.timer, this.intervalMs)
  }
}
