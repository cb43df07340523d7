import './support.ts'
import type { Http2ProtocolOptionsJson } from '#api/envoy/config/core/v3/protocol_pb.ts'
import type { HttpConnectionManagerJson } from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  type ConfigSourcePlan,
  compileConfigSource,
  durationMs,
} from '../config/index.ts'
import { compileHttp1Options, compileHttp2Options, headLimits, type RouteTable } from '../http/index.ts'
import { type Cidr, compileAccessLogs, parseCidr, parseIp } from '../net/index.ts'
import { compileFilters } from './compile-filters.ts'
import { compileLocalReply } from './compile-local-reply.ts'
import { compileEarlyMutations } from './early-mutations.ts'
import { compileForwardedClientCert } from './forwarded-client-cert.ts'
import { compileOriginalIpDetectors } from './original-ip-detection.ts'
import type { HttpConnectionManagerPlan, InternalAddresses, UpgradePlan } from './plan.ts'
import { compileProxyStatus } from './proxy-status.ts'
import { compileTracing } from './tracing/compile-tracing.ts'

const DEFAULT_MAX_HEADERS_KB = 60
const HOUR_MS = 3600000
const STREAM_IDLE_MS = 300000

/**
 * Compiles the route table; handed in because the router's room is not ours to import. `source`: where tables of that name
 * come from; `config` then has the name alone.
 */
export type CompileRoutes = (
  config: object,
  context: CompileContext,
  path: ConfigPath,
  source?: ConfigSourcePlan,
) => RouteTable

export function compileHttpConnectionManager(
  config: HttpConnectionManagerJson,
  context: CompileContext,
  path: ConfigPath,
  compileRoutes: CompileRoutes,
): HttpConnectionManagerPlan {
  const common = config.commonHttpProtocolOptions
  const limits = headLimits(common, config.maxRequestHeadersKb ?? DEFAULT_MAX_HEADERS_KB)
  const detectors = compileOriginalIpDetectors(config, context, path)
  const overwrite = config.schemeHeaderTransformation?.schemeToOverwrite ?? ''
  const serverName = config.serverName === undefined || config.serverName === '' ? 'envoy' : config.serverName
  return Object.freeze({
    statPrefix: (config.statPrefix ?? '').replaceAll(':', '_'),
    limits,
    codecType: codecType(config),
    http2: {
      ...compileHttp2Options(withStreamErrors(config), limits, context, path.field('http2_protocol_options')),
      streamFlushTimeoutMs: durationMs(config.streamFlushTimeout, durationMs(config.streamIdleTimeout, STREAM_IDLE_MS)),
    },
    codec: compileHttp1Options(
      config.httpProtocolOptions,
      limits,
      context,
      path.field('http_protocol_options'),
      config.useRemoteAddress === true && (config.xffNumTrustedHops ?? 0) === 0,
    ),
    routes: {
      current: compileRouteTable(config, context, path, compileRoutes),
    },
    filters: compileFilters(config.httpFilters ?? [], context, path.field('http_filters')),
    upgrades: compileUpgrades(config, context, path.field('upgrade_configs')),
    accessLogs: compileAccessLogs(config.accessLog, context, path.field('access_log')),
    logOnRequestStart:
      config.accessLogOptions?.flushAccessLogOnNewRequest ?? config.flushAccessLogOnNewRequest ?? false,
    logOnTunnel: config.accessLogOptions?.flushLogOnTunnelSuccessfullyEstablished ?? false,
    localReply: compileLocalReply(config.localReplyConfig, context, path.field('local_reply_config')),
    path: {
      normalize: config.normalizePath ?? false,
      mergeSlashes: config.mergeSlashes ?? false,
      escapedSlashes: escapedSlashes(config),
    },
    serverName,
    serverTransformation: config.serverHeaderTransformation ?? 'OVERWRITE',
    via: config.via ?? '',
    proxyStatus: compileProxyStatus(config.proxyStatusConfig, serverName, context.node.id ?? ''),
    useRemoteAddress: config.useRemoteAddress ?? false,
    xffNumTrustedHops: config.xffNumTrustedHops ?? 0,
    skipXffAppend: config.skipXffAppend ?? false,
    forwardedClientCert: compileForwardedClientCert(config),
    appendXForwardedPort: config.appendXForwardedPort ?? false,
    originalIpDetectors: detectors,
    internalAddresses: compileInternalAddresses(config),
    earlyMutations: compileEarlyMutations(config.earlyHeaderMutationExtensions ?? [], context, path),
    generateRequestId: config.generateRequestId ?? true,
    preserveExternalRequestId: config.preserveExternalRequestId ?? false,
    alwaysSetRequestIdInResponse: config.alwaysSetRequestIdInResponse ?? false,
    packTraceReason: packTraceReason(config),
    tracing: compileTracing(config, context, path.field('tracing')),
    addUserAgent: config.addUserAgent ?? false,
    userAgentCluster: context.node.cluster ?? '',
    userAgentNode: context.node.id ?? '',
    schemeOverwrite: overwrite,
    schemeMatchesUpstream: overwrite === '' && config.schemeHeaderTransformation?.matchUpstream === true,
    stripPort: config.stripAnyHostPort === true ? 'any' : config.stripMatchingHostPort === true ? 'matching' : 'none',
    stripTrailingHostDot: config.stripTrailingHostDot ?? false,
    proxy100Continue: config.proxy100Continue ?? false,
    streamErrorOnInvalidMessage:
      config.streamErrorOnInvalidHttpMessage ??
      config.httpProtocolOptions?.overrideStreamErrorOnInvalidHttpMessage ??
      false,
    idleTimeoutMs: durationMs(common?.idleTimeout, HOUR_MS),
    streamIdleTimeoutMs: durationMs(config.streamIdleTimeout, STREAM_IDLE_MS),
    requestTimeoutMs: durationMs(config.requestTimeout, 0),
    requestHeadersTimeoutMs: durationMs(config.requestHeadersTimeout, 0),
    delayedCloseTimeoutMs: durationMs(config.delayedCloseTimeout, 1000),
    drainTimeoutMs: durationMs(config.drainTimeout, 5000),
    drainTimeoutJitter: percentShare(config.drainTimeoutJitter),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    http1SafeMaxConnectionDuration: config.http1SafeMaxConnectionDuration ?? false,
    maxConnectionDurationJitter: percentShare(common?.maxConnectionDurationJitter),
    accessLogIntervalMs: accessLogIntervalMs(config),
    maxStreamDurationMs: durationMs(common?.maxStreamDuration, 0),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
  })
}

/** Of a percentage, in [0, 1]. */
function percentShare(percent: { readonly value?: number | string } | undefined): number {
  return Math.min(Math.max(Number(percent?.value ?? 0), 0), 100) / 100
}

/** 0: no lines while a request is under way. */
function accessLogIntervalMs({ accessLogOptions, accessLogFlushInterval }: HttpConnectionManagerJson): number {
  return durationMs(accessLogOptions?.accessLogFlushInterval ?? accessLogFlushInterval, 0)
}

function compileRouteTable(
  { routeConfig, rds }: HttpConnectionManagerJson,
  context: CompileContext,
  path: ConfigPath,
  compileRoutes: CompileRoutes,
): RouteTable | null {
  if (routeConfig !== undefined) return compileRoutes(routeConfig, context, path.field('route_config'))
  if (rds === undefined) return null
  const at = path.field('rds')
  const name = rds.routeConfigName ?? ''
  if (name === '') context.diagnostics.error(at.field('route_config_name'), 'a route table is asked for by its name')
  const source = compileConfigSource(rds.configSource, context, at.field('config_source'))
  return source === null ? null : compileRoutes({ name }, context, at, source)
}

/** HTTP3 is refused where fields are checked. */
function codecType(config: HttpConnectionManagerJson): HttpConnectionManagerPlan['codecType'] {
  const type = config.codecType ?? 'AUTO'
  return type === 'HTTP3' ? 'AUTO' : type
}

function escapedSlashes(config: HttpConnectionManagerJson): HttpConnectionManagerPlan['path']['escapedSlashes'] {
  const action = config.pathWithEscapedSlashesAction ?? 'KEEP_UNCHANGED'
  return action === 'IMPLEMENTATION_SPECIFIC_DEFAULT' ? 'KEEP_UNCHANGED' : action
}

function packTraceReason(config: HttpConnectionManagerJson): boolean {
  const extension = config.requestIdExtension?.typedConfig as { packTraceReason?: boolean } | undefined
  return extension?.packTraceReason ?? true
}

function compileUpgrades(
  config: HttpConnectionManagerJson,
  context: CompileContext,
  path: ConfigPath,
): readonly UpgradePlan[] {
  return (config.upgradeConfigs ?? []).map((upgrade, index) => ({
    type: (upgrade.upgradeType ?? '').toLowerCase(),
    enabled: upgrade.enabled ?? true,
    filters:
      upgrade.filters === undefined || upgrade.filters.length === 0
        ? null
        : compileFilters(upgrade.filters, context, path.index(index).field('filters')),
  }))
}

/** No address is internal unless the configuration says so. */
function compileInternalAddresses(config: HttpConnectionManagerJson): InternalAddresses | null {
  const internal = config.internalAddressConfig
  if (internal === undefined) return null
  const ranges = (internal.cidrRanges ?? []).map(parseCidr).filter((range): range is Cidr => range !== null)
  return {
    unixSockets: internal.unixSockets ?? false,
    contains: address => {
      const ip = parseIp(address)
      return ip !== null && ranges.some(range => range.contains(ip))
    },
  }
}

/** The manager's own word on invalid messages stands where the options of HTTP/2 have none in the newer field. */
function withStreamErrors({
  http2ProtocolOptions: options,
  streamErrorOnInvalidHttpMessage: asStreamErrors,
}: HttpConnectionManagerJson): Http2ProtocolOptionsJson | undefined {
  return asStreamErrors === undefined
    ? options
    : { overrideStreamErrorOnInvalidHttpMessage: asStreamErrors, ...options }
}
