import type { AdminPlan } from './admin-plan.ts'
import { type Endpoint, HTML, text } from './endpoint.ts'
import { certs } from './handlers/certs.ts'
import { clusters } from './handlers/clusters.ts'
import { configDump } from './handlers/config-dump.ts'
import { explainCluster } from './handlers/explain.ts'
import { explainRoute } from './handlers/explain-route.ts'
import { initDump } from './handlers/init-dump.ts'
import { listeners } from './handlers/listeners.ts'
import { logging } from './handlers/logging.ts'
import { contention, heapDump, memory, peakHeapDump, tcmalloc } from './handlers/memory.ts'
import * as server from './handlers/process.ts'
import { allocationProfiler, profilers } from './handlers/profiler.ts'
import { runtime, runtimeModify } from './handlers/runtime.ts'
import { prometheus, recentLookups, stats } from './handlers/stats.ts'
import { tap } from './handlers/tap.ts'
import { helpText, homePage } from './help.ts'

/** Every admin endpoint of one server. A new one is written in handlers/ and named here. */
export function endpoints(plan: AdminPlan): readonly Endpoint[] {
  const all: Endpoint[] = [
    {
      path: '/',
      help: 'Admin home page',
      handle: () => ({ status: 200, contentType: HTML, body: homePage(all) }),
    },
    { path: '/help', help: 'print out list of admin commands', handle: () => text(helpText(all)) },
    allocationProfiler,
    certs,
    clusters,
    configDump,
    contention,
    explainCluster,
    explainRoute,
    heapDump,
    initDump,
    listeners,
    logging,
    memory,
    peakHeapDump,
    prometheus,
    runtime,
    runtimeModify,
    server.drainListeners,
    server.healthcheckFail,
    server.healthcheckOk,
    server.hotRestartVersion,
    server.quit,
    server.ready,
    server.reopenLogs,
    server.resetCounters,
    server.serverInfo,
    stats,
    tap,
    tcmalloc,
    ...profilers(plan.profilePath),
    ...recentLookups(),
  ]
  return all
}
