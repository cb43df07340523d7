import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../config/index.ts'
import { type AddressOrder, type ConnectOptions, compileTcpKeepalive } from '../../net/index.ts'
import type { ClusterPlan } from '../cluster-plan.ts'
import { healthStatusBits } from '../health.ts'
import { compileHealthChecks } from '../health-check/compile.ts'
import { compileOutlierDetection } from '../outlier-detection/compile.ts'
import { compileErrorMatcher } from '../outlier-detection/error-matcher.ts'
import { compileRedisCluster } from '../redis-cluster/redis-cluster-plan.ts'
import { compileAggregate } from './aggregate.ts'
import { checkAssignment, compileAssignment, filterMetadata, isIpAddress } from './assignment.ts'
import { wholePercent } from './balancing/locality-routing.ts'
import { compileCircuitBreakers, compileHostLimits } from './circuit-breakers.ts'
import { compileDiscovery } from './discovery.ts'
import { compileDynamicHosts, serverNamesOf } from './dynamic-forward-proxy.ts'
import { compileExtensionOptions } from './extension-options.ts'
import { compileBalancing } from './load-balancing.ts'
import { compileProtocolOptions } from './protocol-options.ts'
import { compileTransportSockets } from './transport-sockets.ts'
import './support.ts'

const DEFAULT_CONNECT_TIMEOUT_MS = 5000
const DEFAULT_BUFFER_LIMIT = 1_048_576
/** Health that changes quickly is passed on once a second. */
const DEFAULT_MERGE_WINDOW_MS = 1000
const DEFAULT_PANIC_THRESHOLD = 50

function connectOptions(cluster: ClusterJson, context: CompileContext, path: ConfigPath): ConnectOptions {
  const keepalive = compileTcpKeepalive(cluster.upstreamConnectionOptions?.tcpKeepalive)
  const source = cluster.upstreamBindConfig?.sourceAddress
  if (source !== undefined) {
    const at = path.field('upstream_bind_config').field('source_address')
    if (!isIpAddress(source.address ?? '')) {
      context.diagnostics.error(at.field('address'), 'the source address must be an IP address', {
        found: source.address ?? '',
      })
    }
    if ((source.portValue ?? 0) !== 0) {
      context.diagnostics.error(at.field('port_value'), 'a fixed source port would allow one connection at a time', {
        expected: '0',
        found: String(source.portValue),
      })
    }
  }
  return {
    ...(source?.address === undefined ? {} : { localAddress: source.address }),
    ...(keepalive === null ? {} : { keepalive }),
  }
}

function addressOrder({ upstreamConnectionOptions }: ClusterJson): AddressOrder {
  const { firstAddressFamilyVersion: family, firstAddressFamilyCount } =
    upstreamConnectionOptions?.happyEyeballsConfig ?? {}
  return {
    firstFamily: family === 'V4' || family === 'V6' ? family : null,
    firstFamilyCount: firstAddressFamilyCount ?? 1,
  }
}

/** Compiles envoy.config.cluster.v3.Cluster. Errors go to `context.diagnostics`; the plan is then not to be used. */
export function compileCluster(cluster: ClusterJson, context: CompileContext, path: ConfigPath): ClusterPlan {
  const name = cluster.name ?? ''
  const aggregate = compileAggregate(cluster, context, path)
  const discovery = compileDiscovery(cluster, context, path)
  const transports = compileTransportSockets(cluster, context, path)
  const dynamicHosts = compileDynamicHosts(cluster, transports.transportSocket, context, path)
  const redisCluster = compileRedisCluster(cluster)
  const redisSlots = redisCluster === null ? null : ({ kind: 'redis_slots' } as const)
  const protocolOptions = compileProtocolOptions(cluster, context, path)
  checkAssignment(cluster.loadAssignment, discovery.type, context.diagnostics, path.field('load_assignment'))
  const { commonLbConfig } = cluster
  return Object.freeze({
    name,
    observabilityName: cluster.altStatName === undefined || cluster.altStatName === '' ? name : cluster.altStatName,
    discovery: discovery.type,
    connectTimeoutMs: durationMs(cluster.connectTimeout, DEFAULT_CONNECT_TIMEOUT_MS),
    perConnectionBufferLimitBytes: cluster.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_LIMIT,
    ...protocolOptions,
    serverNames: serverNamesOf(cluster, protocolOptions.serverNames, context, path),
    connectOptions: connectOptions(cluster, context, path),
    addressOrder: addressOrder(cluster),
    ...transports,
    balancer: compileBalancing(cluster, aggregate ?? dynamicHosts ?? redisSlots, context, path),
    // 0 switches panic off.
    healthyPanicThreshold: wholePercent(commonLbConfig?.healthyPanicThreshold, DEFAULT_PANIC_THRESHOLD),
    overrideHostStatuses: healthStatusBits(commonLbConfig?.overrideHostStatus?.statuses),
    limits: compileCircuitBreakers(cluster.circuitBreakers, name),
    hostLimits: compileHostLimits(cluster.circuitBreakers, context.diagnostics, path.field('circuit_breakers')),
    dns: discovery.dns,
    eds: discovery.eds,
    redisCluster,
    assignment: compileAssignment(cluster.loadAssignment),
    outlierDetection: compileOutlierDetection(
      cluster.outlierDetection,
      compileErrorMatcher(cluster, context, path),
      context,
      path.field('outlier_detection'),
    ),
    healthChecks: compileHealthChecks(cluster, context, path),
    ignoreHealthOnHostRemoval: cluster.ignoreHealthOnHostRemoval ?? false,
    ignoreNewHostsUntilFirstHc: commonLbConfig?.ignoreNewHostsUntilFirstHc ?? false,
    updateMergeWindowMs: durationMs(commonLbConfig?.updateMergeWindow, DEFAULT_MERGE_WINDOW_MS),
    closeConnectionsOnHostHealthFailure: cluster.closeConnectionsOnHostHealthFailure ?? false,
    closeConnectionsOnHostSetChange: commonLbConfig?.closeConnectionsOnHostSetChange ?? false,
    waitForWarmOnInit: cluster.waitForWarmOnInit ?? true,
    metadata: filterMetadata(cluster.metadata),
    extensionOptions: compileExtensionOptions(cluster, context, path),
  })
}
