// The contract of L4 filters (Envoy: envoy/network/filter.h).
import type { StreamInfo } from '../observability/index.ts'
import type { CloseEvent } from './close-kind.ts'
import type { Connection } from './connection.ts'
import type { ThreadContext } from './thread.ts'

/** Go on with the next filter. */
export const Continue = 0
/** Stop here; the filter calls continueReading() later, or never. */
export const StopIteration = 1
export type FilterStatus = typeof Continue | typeof StopIteration

export interface NetworkFilterCallbacks {
  readonly connection: Connection
  readonly info: StreamInfo
  readonly thread: ThreadContext
  /** 'listener.<address>.', the root of the listener's stats. */
  readonly listenerStatPrefix: string
  /** Resumes with the next filter after StopIteration; bytes kept meanwhile are handed on first. */
  continueReading(): void
}

/** Sees every byte that a client sends; the last one of a chain (the terminal filter) consumes them. */
export interface NetworkFilter {
  /** Called once, before anything else. */
  initialize(callbacks: NetworkFilterCallbacks): void
  onNewConnection(): FilterStatus
  /**
   * Bytes [start, end) of `data`, valid only during the call. `endStream`: the peer has closed its half after them.
   * StopIteration: the chain keeps the bytes for the filters after this one.
   */
  onData(data: Buffer, start: number, end: number, endStream: boolean): FilterStatus
  /** The connection is gone; called exactly once, last. */
  onClose(event: CloseEvent): void
  /** The listener drains: end the connection if nothing is under way on it. Without this method it is left alone. */
  onDrain?(): void
}

/** What the configuration of a network filter compiles to: shared by all its connections. */
export interface NetworkFilterPlan {
  /** Must stand last in its chain. */
  readonly terminal: boolean
  /** When the listener comes, before any connection: stats are there from then on. */
  prepare?(thread: ThreadContext): void
  create(thread: ThreadContext): NetworkFilter
}
