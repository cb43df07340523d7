import { Clock, TimerWheel } from '../base/index.ts'
import { runtimeSnapshot } from '../config/index.ts'
import {
  ConnectionCounters,
  DrainState,
  OverloadState,
  SharedCells,
  ThreadBuffers,
  type ThreadContext,
} from '../net/index.ts'
import { type StatDefinition, StatStore } from '../observability/index.ts'
import type { WorkerSettings } from './messages.ts'

/** Everything that the data plane of one worker shares, except its clusters. */
export function workerThread(
  settings: WorkerSettings,
  reportStats: (definitions: readonly StatDefinition[]) => void,
): ThreadContext {
  const clock = new Clock()
  return {
    clock,
    timers: new TimerWheel(clock),
    stats: new StatStore(reportStats),
    buffers: new ThreadBuffers(),
    random: Math.random,
    drain: new DrainState(),
    overload: new OverloadState(),
    connectionCounters: new ConnectionCounters(settings.connectionCounters, settings.workers, settings.workerIndex),
    sharedCells: new SharedCells(settings.sharedCells),
    runtime: { snapshot: runtimeSnapshot(settings.runtimeLayers) },
    node: settings.node,
    workerIndex: settings.workerIndex,
  }
}
