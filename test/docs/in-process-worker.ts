// One worker's data plane on the test's own thread, so that probes and profilers of this thread see all of it.

import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { loadBootstrap } from '../../src/config/index.ts'
import { ConnectionCounters, NO_OVERLOAD, SharedCells } from '../../src/net/index.ts'
import { logLevels } from '../../src/observability/index.ts'
import type { FromWorker, ResourceUpdate } from '../../src/server/messages.ts'
import { WorkerRuntime } from '../../src/server/worker-runtime.ts'
import { TestMain } from '../../src/upstream/testing.ts'

/** Starts the listeners and clusters of a bootstrap; resolves once they listen. */
export async function startWorker(yaml: string): Promise<WorkerRuntime> {
  const loaded = loadBootstrap({ files: [{ path: 'test.yaml', content: yaml }] })
  const statics = loaded.bootstrap?.staticResources
  if (statics === undefined) throw new Error(JSON.stringify(loaded.diagnostics.list))
  const applied = Promise.withResolvers<FromWorker & { type: 'applied' }>()
  const runtime = new WorkerRuntime(
    {
      workerIndex: 0,
      workers: 1,
      connectionCounters: ConnectionCounters.allocate(1),
      sharedCells: SharedCells.allocate(0),
      logLevels: logLevels(),
      logging: { level: 'info', componentLevels: new Map(), path: null, format: null, json: false, escape: false },
      drainTimeMs: 1000,
      fileFlushIntervalMs: 1000,
      inherited: [],
      node: loaded.bootstrap?.node ?? {},
      runtimeLayers: [],
      secrets: [],
      secretSeed: new Uint8Array(32),
      healthChecksFail: false,
      overload: NO_OVERLOAD,
      maxConnections: Number.POSITIVE_INFINITY,
      localClusterName: null,
      tap: null,
    },
    (message: FromWorker) => {
      if (message.type === 'applied') applied.resolve(message)
    },
  )
  const updates: ResourceUpdate[] = []
  const main = new TestMain(update => updates.push(update))
  for (const cluster of (statics.clusters ?? []) as ClusterJson[]) main.addCluster(cluster)
  for (const listener of (statics.listeners ?? []) as ListenerJson[]) {
    updates.push({ kind: 'listener', name: listener.name ?? '', resource: listener })
  }
  await runtime.handle({ type: 'apply', id: 1, updates })
  const { failures } = await applied.promise
  if (failures.length > 0) throw new Error(JSON.stringify(failures))
  return runtime
}
