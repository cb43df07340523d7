import { Timer, type TimerOwner } from '../../../base/index.ts'
import {
  CloseNoFlush,
  type Connection,
  type ConnectionCounter,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
  type ThreadContext,
} from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

export const CONNECTION_LIMIT_STATS = statTemplate({
  counters: ['limited_connections'],
  gauges: ['active_connections'],
  histograms: [],
})
const LIMITED = CONNECTION_LIMIT_STATS.slot('limited_connections')
const ACTIVE = CONNECTION_LIMIT_STATS.slot('active_connections')

/** The connections of one configuration on one thread. */
export interface ConnectionLimitShared {
  readonly thread: ThreadContext
  readonly stats: StatBlock
  readonly maxConnections: number
  readonly delayMs: number
  isEnabled(): boolean
  readonly counter: ConnectionCounter
}

/** Closes connections beyond a limit, after a delay that makes reconnecting at once costly. */
export class ConnectionLimit implements NetworkFilter, TimerOwner {
  private readonly shared: ConnectionLimitShared
  private connection: Connection = null as never
  private counted = false
  private rejected = false
  private delay: Timer | null = null

  constructor(shared: ConnectionLimitShared) {
    this.shared = shared
  }

  initialize({ connection }: NetworkFilterCallbacks): void {
    this.connection = connection
  }

  onNewConnection(): FilterStatus {
    const { shared } = this
    if (!shared.isEnabled()) return Continue
    if (shared.counter.tryAdd(shared.maxConnections)) {
      this.counted = true
      shared.stats.cells[ACTIVE]! += 1
      return Continue
    }
    shared.stats.cells[LIMITED]! += 1
    this.rejected = true
    if (shared.delayMs === 0) {
      this.connection.close(CloseNoFlush)
      return StopIteration
    }
    this.connection.readDisable(true)
    this.delay = new Timer(this, 0)
    shared.thread.timers.arm(this.delay, shared.delayMs)
    return StopIteration
  }

  onData(): FilterStatus {
    return this.rejected ? StopIteration : Continue
  }

  onTimer(): void {
    this.connection.close(CloseNoFlush)
  }

  onClose(): void {
    const { shared } = this
    if (this.delay !== null) shared.thread.timers.disarm(this.delay)
    if (!this.counted) return
    shared.counter.remove()
    shared.stats.cells[ACTIVE]! -= 1
  }
}
