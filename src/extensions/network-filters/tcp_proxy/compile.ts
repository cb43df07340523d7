import type { BackoffStrategyJson } from '#api/envoy/config/core/v3/backoff_pb.ts'
import type { MetadataJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { TcpProxyJson } from '#api/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts'
import type { PercentJson } from '#api/envoy/type/v3/percent_pb.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../../config/index.ts'
import { compileAccessLogs } from '../../../net/index.ts'
import type { BackoffPlan, TcpHashPolicy, TcpProxyPlan, WeightedCluster } from './tcp-proxy-plan.ts'
import { compileTunneling } from './tunneling.ts'

const DEFAULT_IDLE_TIMEOUT_MS = 3_600_000

/** Fields of Envoy releases after the API packages that the types come from. */
interface LaterFields {
  readonly backoffOptions?: BackoffStrategyJson
  readonly upstreamConnectMode?: string
  readonly maxEarlyDataBytes?: number
  readonly maxDownstreamConnectionDurationJitterPercentage?: PercentJson
  readonly accessLogOptions?: { readonly flushAccessLogOnStart?: boolean }
}

/** Compiles a TcpProxy message. */
export function compileTcpProxy(resource: object, context: CompileContext, path: ConfigPath): TcpProxyPlan {
  const config = resource as TcpProxyJson & LaterFields
  const clusters = compileClusters(config, context, path)
  const onData = config.upstreamConnectMode === 'ON_DOWNSTREAM_DATA'
  const options = config.accessLogOptions
  return Object.freeze({
    statPrefix: config.statPrefix ?? '',
    clusters,
    totalWeight: clusters.reduce((total, { weight }) => total + weight, 0),
    idleTimeoutMs: durationMs(config.idleTimeout, DEFAULT_IDLE_TIMEOUT_MS),
    maxDurationMs: durationMs(config.maxDownstreamConnectionDuration, 0),
    maxDurationJitter: Number(config.maxDownstreamConnectionDurationJitterPercentage?.value ?? 0) / 100,
    maxConnectAttempts: config.maxConnectAttempts ?? 1,
    backoff: compileBackoff(config.backoffOptions),
    hashPolicy: compileHashPolicy(config),
    accessLogs: compileAccessLogs(config.accessLog, context, path.field('access_log')),
    logIntervalMs: durationMs(options?.accessLogFlushInterval ?? config.accessLogFlushInterval, 0),
    logOnConnected: options?.flushAccessLogOnConnected ?? config.flushAccessLogOnConnected ?? false,
    logOnStart: options?.flushAccessLogOnStart ?? false,
    connectOnData: onData,
    tunneling: compileTunneling(config.tunnelingConfig, context, path.field('tunneling_config')),
    maxEarlyDataBytes: compileEarlyDataBytes(config, context, path),
  })
}

function compileClusters(config: TcpProxyJson, context: CompileContext, path: ConfigPath): readonly WeightedCluster[] {
  const shared = subsetKeys(config.metadataMatch)
  if (config.weightedClusters === undefined) {
    const name = config.cluster ?? ''
    checkCluster(name, context, path.field('cluster'))
    return [{ name, weight: 1, metadataMatch: shared }]
  }
  const at = path.field('weighted_clusters').field('clusters')
  return (config.weightedClusters.clusters ?? []).map(({ name = '', weight = 1, metadataMatch }, i) => {
    checkCluster(name, context, at.index(i).field('name'))
    const own = subsetKeys(metadataMatch)
    return { name, weight, metadataMatch: own === null ? shared : { ...shared, ...own } }
  })
}

/** As Envoy: connections to a cluster that does not exist are closed (NC); the configuration still loads. */
function checkCluster(name: string, context: CompileContext, path: ConfigPath): void {
  if (!context.hasCluster(name)) {
    context.diagnostics.warn(path, `no cluster is named ${name}: connections will be closed until one is`, {
      code: 'unknown-cluster',
    })
  }
}

function subsetKeys(metadata: MetadataJson | undefined): object | null {
  return (metadata?.filterMetadata?.['envoy.lb'] as object | undefined) ?? null
}

function compileBackoff(json: BackoffStrategyJson | undefined): BackoffPlan | null {
  if (json === undefined) return null
  const baseMs = durationMs(json.baseInterval, 0)
  return { baseMs, maxMs: durationMs(json.maxInterval, baseMs * 10) }
}

function compileHashPolicy(config: TcpProxyJson): TcpHashPolicy | null {
  const [policy] = config.hashPolicy ?? []
  if (policy === undefined) return null
  return { filterStateKey: policy.filterState?.key ?? null }
}

function compileEarlyDataBytes(config: LaterFields, context: CompileContext, path: ConfigPath): number {
  const { upstreamConnectMode: mode, maxEarlyDataBytes } = config
  if (maxEarlyDataBytes === undefined && mode !== undefined && mode !== 'IMMEDIATE') {
    context.diagnostics.error(path.field('max_early_data_bytes'), `is required when upstream_connect_mode is ${mode}`)
  }
  return maxEarlyDataBytes ?? 0
}
