import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { Clock, TimerWheel } from '../base/index.ts'
import type { RuntimeSnapshot } from '../config/index.ts'
import type { StatStore } from '../observability/index.ts'
import type { ConnectionCounters } from './connection-counters.ts'
import type { DrainState } from './drain-state.ts'
import type { OverloadState } from './overload-state.ts'
import type { SharedCells } from './shared-cells.ts'
import type { ThreadBuffers } from './thread-buffers.ts'

/** What every data-plane object of one thread shares; built once by the server room and handed down. */
export interface ThreadContext {
  readonly clock: Clock
  readonly timers: TimerWheel
  readonly stats: StatStore
  readonly buffers: ThreadBuffers
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly drain: DrainState
  readonly overload: OverloadState
  /** Counts of connections that hold across workers: for limits. */
  readonly connectionCounters: ConnectionCounters
  /** Memory of limits that hold across workers. */
  readonly sharedCells: SharedCells
  /** `snapshot` is swapped when the runtime changes; read it per use. */
  readonly runtime: { snapshot: RuntimeSnapshot }
  readonly node: NodeJson
  /** 0-based; -1 on the main thread. */
  readonly workerIndex: number
}
