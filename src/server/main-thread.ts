import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { Clock, TimerWheel } from '../base/index.ts'
import { runtimeSnapshot } from '../config/index.ts'
import { ConnectionCounters, DrainState, ThreadBuffers, type ThreadContext } from '../net/index.ts'
import type { StatStore } from '../observability/index.ts'

/** What the few data-plane objects of the main thread share: the admin interface's access log, for one. */
export function mainThread(stats: StatStore, node: NodeJson, runtimeLayers: readonly object[]): ThreadContext {
  const clock = new Clock()
  return {
    clock,
    timers: new TimerWheel(clock),
    stats,
    buffers: new ThreadBuffers(),
    random: Math.random,
    drain: new DrainState(),
    connectionCounters: new ConnectionCounters(ConnectionCounters.allocate(1), 1, 0),
    runtime: { snapshot: runtimeSnapshot(runtimeLayers) },
    node,
    workerIndex: -1,
  }
}
