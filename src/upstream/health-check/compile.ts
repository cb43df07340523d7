import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { HealthCheckJson } from '#api/envoy/config/core/v3/health_check_pb.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../config/index.ts'
import { compileHeaderMutations } from '../../http/index.ts'
import { compileProxyHeader } from '../../net/index.ts'
import type { CheckerPlan } from './checker.ts'
import { compileHttpChecker } from './compile-http.ts'
import { grpcChecker } from './grpc-check.ts'
import type { HealthCheckEventSinkPlan, HealthCheckPlan, IntervalPlan } from './health-check-plan.ts'
import { compilePayload } from './payload.ts'
import { tcpChecker } from './tcp-check.ts'
import './support.ts'

const DEFAULT_NO_TRAFFIC_MS = 60_000
const FILE_SINK = 'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink'

function intervals(json: HealthCheckJson): IntervalPlan {
  const intervalMs = durationMs(json.interval, 0)
  const noTrafficMs = durationMs(json.noTrafficInterval, DEFAULT_NO_TRAFFIC_MS)
  const unhealthyMs = durationMs(json.unhealthyInterval, intervalMs)
  return {
    intervalMs,
    initialJitterMs: durationMs(json.initialJitter, 0),
    jitterMs: durationMs(json.intervalJitter, 0),
    jitterPercent: json.intervalJitterPercent ?? 0,
    noTrafficMs,
    noTrafficHealthyMs: durationMs(json.noTrafficHealthyInterval, noTrafficMs),
    unhealthyMs,
    unhealthyEdgeMs: durationMs(json.unhealthyEdgeInterval, unhealthyMs),
    healthyEdgeMs: durationMs(json.healthyEdgeInterval, intervalMs),
  }
}

function compileEventSinks(
  json: HealthCheckJson,
  context: CompileContext,
  path: ConfigPath,
): readonly HealthCheckEventSinkPlan[] {
  const sinks: HealthCheckEventSinkPlan[] = []
  const add = (config: TypedExtensionConfigJson, at: ConfigPath, configPath: ConfigPath): void => {
    const factory = context.extensions.find('envoy.health_check.event_sinks', config, context, at)
    const plan = factory?.compile(config.typedConfig as object, context, configPath)
    if (plan !== undefined) sinks.push(plan as HealthCheckEventSinkPlan)
  }
  if (json.eventLogPath !== undefined && json.eventLogPath !== '') {
    const at = path.field('event_log_path')
    const typedConfig = { '@type': `type.googleapis.com/${FILE_SINK}`, eventLogPath: json.eventLogPath }
    add({ name: 'event_log_path', typedConfig } as TypedExtensionConfigJson, at, at)
  }
  json.eventLogger?.forEach((config, i) => {
    const at = path.field('event_logger').index(i)
    add(config, at, at.field('typed_config'))
  })
  return sinks
}

function compileChecker(json: HealthCheckJson, context: CompileContext, path: ConfigPath): CheckerPlan | undefined {
  if (json.httpHealthCheck !== undefined) {
    return compileHttpChecker(json.httpHealthCheck, context, path.field('http_health_check'))
  }
  if (json.tcpHealthCheck !== undefined) {
    const at = path.field('tcp_health_check')
    const { send, receive = [], proxyProtocolConfig: header } = json.tcpHealthCheck
    return tcpChecker({
      send: compilePayload(send, context, at.field('send')),
      receive: receive.map((block, i) => compilePayload(block, context, at.field('receive').index(i))),
      proxyHeader: header === undefined ? null : compileProxyHeader(header, context, at.field('proxy_protocol_config')),
    })
  }
  if (json.customHealthCheck !== undefined) {
    const at = path.field('custom_health_check')
    const factory = context.extensions.find('envoy.health_checkers', json.customHealthCheck, context, at)
    const { typedConfig } = json.customHealthCheck
    return factory?.compile(typedConfig as object, context, at.field('typed_config')) as CheckerPlan | undefined
  }
  if (json.grpcHealthCheck !== undefined) {
    const { serviceName = '', authority = '', initialMetadata } = json.grpcHealthCheck
    const fields = { add: 'initial_metadata', remove: '' }
    const at = path.field('grpc_health_check')
    return grpcChecker({
      serviceName,
      authority,
      metadata: compileHeaderMutations(initialMetadata, undefined, context, at, fields),
    })
  }
  return undefined
}

function compileHealthCheck(
  json: HealthCheckJson,
  context: CompileContext,
  path: ConfigPath,
): HealthCheckPlan | undefined {
  const eventSinks = compileEventSinks(json, context, path)
  const checker = compileChecker(json, context, path)
  if (checker === undefined) return undefined
  return Object.freeze({
    name: json.name ?? '',
    timeoutMs: durationMs(json.timeout, 0),
    intervals: intervals(json),
    unhealthyThreshold: json.unhealthyThreshold ?? 0,
    healthyThreshold: json.healthyThreshold ?? 0,
    reuseConnection: json.reuseConnection ?? true,
    alpnProtocols: json.tlsOptions?.alpnProtocols ?? [],
    transportSocketMatchCriteria: (json.transportSocketMatchCriteria as Record<string, unknown> | undefined) ?? null,
    eventSinks,
    alwaysLogFailures: json.alwaysLogHealthCheckFailures ?? false,
    alwaysLogSuccess: json.alwaysLogHealthCheckSuccess ?? false,
    checker,
  })
}

/** Compiles Cluster.health_checks. Entries in error are left out, and reported. */
export function compileHealthChecks(
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): readonly HealthCheckPlan[] {
  const { healthChecks = [] } = cluster
  const at = path.field('health_checks')
  const names = new Set<string>()
  return healthChecks.flatMap((json, i) => {
    const name = json.name ?? ''
    if (healthChecks.length > 1 && (name === '' || names.has(name))) {
      context.diagnostics.error(
        at.index(i).field('name'),
        'of several health checks each needs a name of its own, which becomes part of its stats',
        { expected: 'a name that no other health check of the cluster has', found: name },
      )
    }
    names.add(name)
    return compileHealthCheck(json, context, at.index(i)) ?? []
  })
}
