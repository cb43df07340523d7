import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { Clock, TimerWheel } from '../base/index.ts'
import type { RuntimeSnapshot } from '../config/index.ts'
import {
  ConnectionCounters,
  DrainState,
  OverloadState,
  SharedCells,
  ThreadBuffers,
  type ThreadContext,
} from '../net/index.ts'
import type { StatStore } from '../observability/index.ts'

/** What the data-plane objects of the main thread share: health checks, the admin interface's access log. */
export function mainThread(
  stats: StatStore,
  node: NodeJson,
  runtime: { readonly snapshot: RuntimeSnapshot },
): ThreadContext {
  const clock = new Clock()
  return {
    clock,
    timers: new TimerWheel(clock),
    stats,
    buffers: new ThreadBuffers(),
    random: Math.random,
    drain: new DrainState(),
    overload: new OverloadState(),
    connectionCounters: new ConnectionCounters(ConnectionCounters.allocate(1), 1, 0),
    sharedCells: new SharedCells(SharedCells.allocate(0)),
    runtime,
    node,
    workerIndex: -1,
  }
}
