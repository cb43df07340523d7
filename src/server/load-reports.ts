// cluster_manager.load_stats_config of a running server.
import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { type CompileContext, ConfigPath, compileApiSource } from '../config/index.ts'
import type { StatStore } from '../observability/index.ts'
import type { AsyncClient, ClusterLoads } from '../upstream/index.ts'
import { LoadReporter, nodeMessage } from '../xds/index.ts'
import type { Configuration } from './configuration.ts'

/** Tells a server that it need not name the clusters. */
const FEATURE = 'envoy.lrs.supports_send_all_clusters'

export interface LoadReportParts {
  readonly stats: StatStore
  readonly loads: ClusterLoads
  readonly client: () => AsyncClient
}

export function checkLoadReports({ clusterManager }: BootstrapJson, context: CompileContext): void {
  const api = clusterManager?.loadStatsConfig
  if (api === undefined) return
  const path = ConfigPath.root.field('cluster_manager').field('load_stats_config')
  const kind = compileApiSource(api, context, path)
  if (kind === null || kind === 'grpc') return
  const found = api.apiType ?? ''
  context.diagnostics.error(path.field('api_type'), 'load reports go over a stream', { expected: 'GRPC', found })
}

/** Null: nobody wants any. */
export function startLoadReports(
  { bootstrap, node }: Pick<Configuration, 'bootstrap' | 'node'>,
  { stats, loads, client }: LoadReportParts,
): LoadReporter | null {
  const api = bootstrap.clusterManager?.loadStatsConfig
  if (api === undefined) return null
  const clientFeatures = [...(node.clientFeatures ?? []), FEATURE]
  const reporter = new LoadReporter(api, {
    client,
    stats,
    loads,
    random: Math.random,
    nowMs: () => performance.now(),
    node: nodeMessage({ userAgentName: 'outrider', ...node, clientFeatures }),
    schedule: (ms, callback) => {
      const timer = setTimeout(callback, ms)
      return () => clearTimeout(timer)
    },
  })
  reporter.open()
  return reporter
}
