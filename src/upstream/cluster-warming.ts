// Which clusters still wait for their hosts, or for the first checks of them.
import type { DirectoryEntry } from './directory-entry.ts'
import type { Schedule } from './dns/dns-target.ts'

export type WarmingStep = 'discovery' | 'health'

interface Waiting {
  readonly steps: Set<WarmingStep>
  /** What it waits for ends by itself, and the start of the server with it. */
  readonly patient: boolean
  readonly onWarm: () => void
}

export class ClusterWarming {
  private readonly waiting = new Map<DirectoryEntry, Waiting>()
  private readonly schedule: Schedule
  private readonly onCount: (count: number) => void
  private readonly onReady: (() => void)[] = []
  /** The server does not wait for those that are not patient any longer. */
  private overdue = false

  constructor(schedule: Schedule, onCount: (count: number) => void) {
    this.schedule = schedule
    this.onCount = onCount
  }

  /** `onWarm` is called at the end of the last step. */
  begin(entry: DirectoryEntry, steps: Iterable<WarmingStep>, patient: boolean, onWarm: () => void): void {
    this.waiting.set(entry, { steps: new Set(steps), patient, onWarm })
    this.onCount(this.waiting.size)
  }

  end(entry: DirectoryEntry, step: WarmingStep): void {
    const waiting = this.waiting.get(entry)
    if (waiting === undefined || !waiting.steps.delete(step) || waiting.steps.size > 0) return
    this.waiting.delete(entry)
    waiting.onWarm()
    this.settle()
  }

  /** The cluster goes. */
  drop(entry: DirectoryEntry): void {
    if (this.waiting.delete(entry)) this.settle()
  }

  private settle(): void {
    this.onCount(this.waiting.size)
    if (this.holdsUp()) return
    for (const resolve of this.onReady.splice(0)) resolve()
  }

  private holdsUp(): boolean {
    for (const { patient } of this.waiting.values()) if (patient || !this.overdue) return true
    return false
  }

  /** Settles when all are warm; `timeoutMs`: for those that nothing else bounds. */
  async ready(timeoutMs: number): Promise<void> {
    if (!this.holdsUp()) return
    const cancel = this.schedule(timeoutMs, () => {
      this.overdue = true
      this.settle()
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.onReady.push(resolve)
    await promise
    cancel()
  }
}
