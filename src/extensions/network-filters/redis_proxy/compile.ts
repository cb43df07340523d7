import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { GrpcServiceJson } from '#api/envoy/config/core/v3/grpc_service_pb.ts'
import type {
  RedisProxy_ConnPoolSettingsJson,
  RedisProxy_RedisFaultJson,
  RedisProxyJson,
} from '#api/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.ts'
import {
  asciiLowerCase,
  type CompileContext,
  type ConfigPath,
  dataSourceBytes,
  durationMs,
  fractionalPercent,
} from '../../../config/index.ts'
import type { RespVersion } from '../../../net/resp/index.ts'
import type { RedisReadPolicy } from '../../../upstream/index.ts'
import { compileRoute, compileRoutes } from './compile-routes.ts'
import { ExternalAuth } from './external-auth.ts'
import type { FaultPlan, PoolSettings, RedisProxyPlan } from './redis-proxy-plan.ts'

const DEFAULT_MAX_UNKNOWN = 100

/** Fields of Envoy releases after the API packages that the types come from. */
interface LaterFields {
  readonly customCommands?: readonly string[]
  readonly protocolVersion?: string
  readonly externalAuthProvider?: ExternalAuthProviderJson
}

interface ExternalAuthProviderJson {
  readonly grpcService?: GrpcServiceJson
  readonly enableAuthExpiration?: boolean
}

/** Compiles a RedisProxy message. */
export function compileRedisProxy(resource: object, context: CompileContext, path: ConfigPath): RedisProxyPlan {
  const config = resource as RedisProxyJson & LaterFields
  const { prefixRoutes = {} } = config
  const at = path.field('prefix_routes')
  const caseInsensitive = prefixRoutes.caseInsensitive ?? false
  const { catchAllRoute } = prefixRoutes
  if (catchAllRoute === undefined && (prefixRoutes.routes ?? []).length === 0) {
    context.diagnostics.error(at, 'there is no route for any key', { expected: 'routes or catch_all_route' })
  }
  return Object.freeze({
    statPrefix: config.statPrefix ?? '',
    settings: compileSettings(config.settings ?? {}, config.protocolVersion === 'RESP3' ? 3 : 2),
    latencyInMicros: config.latencyInMicros ?? false,
    routes: compileRoutes(prefixRoutes.routes ?? [], caseInsensitive, context, at.field('routes')),
    caseInsensitive,
    catchAll:
      catchAllRoute === undefined
        ? null
        : compileRoute(catchAllRoute, caseInsensitive, context, at.field('catch_all_route')),
    passwords: compilePasswords(config, context, path),
    username: compileSecret(config.downstreamAuthUsername, context, path.field('downstream_auth_username')),
    externalAuth: compileExternalAuth(config.externalAuthProvider, context, path.field('external_auth_provider')),
    faults: (config.faults ?? []).map(compileFault),
    customCommands: (config.customCommands ?? []).map(asciiLowerCase),
  })
}

function compileSettings(json: RedisProxy_ConnPoolSettingsJson, version: RespVersion): PoolSettings {
  return {
    opTimeoutMs: durationMs(json.opTimeout, 0),
    hashTags: json.enableHashtagging ?? false,
    redirects: json.enableRedirection ?? false,
    maxUnknownConnections: json.maxUpstreamUnknownConnections ?? DEFAULT_MAX_UNKNOWN,
    commandStats: json.enableCommandStats ?? false,
    readPolicy: (json.readPolicy ?? 'MASTER') as RedisReadPolicy,
    connectionsPerSecond: json.connectionRateLimit?.connectionRateLimitPerSec ?? 0,
    version,
  }
}

function compileExternalAuth(
  json: ExternalAuthProviderJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): ExternalAuth | null {
  if (json === undefined) return null
  const at = path.field('grpc_service')
  return new ExternalAuth(json.grpcService ?? {}, json.enableAuthExpiration ?? false, context, at)
}

function compilePasswords(config: RedisProxyJson, context: CompileContext, path: ConfigPath): readonly string[] {
  const at = path.field('downstream_auth_passwords')
  const listed = (config.downstreamAuthPasswords ?? []).map((source, i) => compileSecret(source, context, at.index(i)))
  const single = compileSecret(config.downstreamAuthPassword, context, path.field('downstream_auth_password'))
  return [single, ...listed].filter(password => password !== '')
}

/** latin1; '' where there is none. */
function compileSecret(source: DataSourceJson | undefined, context: CompileContext, path: ConfigPath): string {
  return source === undefined ? '' : (dataSourceBytes(source, context, path)?.toString('latin1') ?? '')
}

function compileFault(json: RedisProxy_RedisFaultJson): FaultPlan {
  const { numerator, denominator } = fractionalPercent(json.faultEnabled?.defaultValue)
  return {
    isError: json.faultType === 'ERROR',
    delayMs: durationMs(json.delay, 0),
    percent: (numerator / denominator) * 100,
    runtimeKey: json.faultEnabled?.runtimeKey ?? '',
    commands: (json.commands ?? []).map(asciiLowerCase),
  }
}
