import type { Schedule } from '../upstream/index.ts'

/** When resources of one type end that were given for a time only. */
export class TtlTimers {
  private readonly schedule: Schedule
  private readonly onExpired: (name: string) => void
  private readonly cancels = new Map<string, () => void>()

  constructor(schedule: Schedule, onExpired: (name: string) => void) {
    this.schedule = schedule
    this.onExpired = onExpired
  }

  /** The resource has come, or a heartbeat of it. Null: it has no end. */
  set(name: string, ttlMs: number | null): void {
    this.clear(name)
    if (ttlMs === null) return
    const cancel = this.schedule(ttlMs, () => {
      this.cancels.delete(name)
      this.onExpired(name)
    })
    this.cancels.set(name, cancel)
  }

  clear(name: string): void {
    this.cancels.get(name)?.()
    this.cancels.delete(name)
  }

  /** Those that are no longer among `names` have gone already. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.cancels.keys()) if (!names.has(name)) this.clear(name)
  }

  stop(): void {
    for (const cancel of this.cancels.values()) cancel()
    this.cancels.clear()
  }
}
