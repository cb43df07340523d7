import { join } from 'node:path'
import { type Address, ipAddress, pipeAddress } from '../../net/index.ts'
import { type Environment, EnvironmentReader } from './environment.ts'
import { parseRedisUrl, type RedisTarget } from './redis/redis-url.ts'
import { SettingReader } from './setting-reader.ts'
import type { RateLimitServerSettings } from './settings.ts'

export interface ReadSettings {
  readonly settings: RateLimitServerSettings
  /** What is wrong, ready to print; empty when all is well. */
  readonly problems: readonly string[]
  /** What was given and does nothing here. */
  readonly notes: readonly string[]
}

const DEFAULT_GRPC_PORT = '8081'
const DEFAULT_HTTP_PORT = '8080'
const ANY = '0.0.0.0'
const DAY_MS = 86_400_000

/** Settings from flags, and where a flag is not given from the environment variables of envoyproxy/ratelimit. */
export function readSettings(flags: ReadonlyMap<string, string>, environment: Environment): ReadSettings {
  const env = new EnvironmentReader(environment)
  const read = new SettingReader(flags, env)
  const redis = redisTarget(read, env, 'redis', 'REDIS')
  const redisPerSecond =
    flags.has('redis-per-second') || env.flag('REDIS_PERSECOND')
      ? redisTarget(read, env, 'redis-per-second', 'REDIS_PERSECOND')
      : null
  const window = read.text('window', null, 'fixed') === 'sliding' ? 'sliding' : 'fixed'
  const localCacheBytes = read.number('local-cache-bytes', 'LOCAL_CACHE_SIZE_IN_BYTES', 0)
  if (window === 'sliding' && localCacheBytes > 0) {
    read.problem(
      'a cache of over-limit keys and a sliding window do not go together: a key may have room at any moment',
    )
  }
  if (redis === null && redisPerSecond !== null) read.problem('a Redis for limits per second needs one for the others')
  const settings: RateLimitServerSettings = {
    configPath: configPath(read, env),
    mergeDomains: read.flag('merge-domains', 'MERGE_DOMAIN_CONFIG'),
    listen: grpcAddress(read, env),
    http: httpAddress(read, env),
    debug: debugAddress(read, env),
    redis,
    redisPerSecond,
    redisTimeoutMs: read.duration('redis-timeout', 'REDIS_TIMEOUT', 500),
    window,
    maxCounters: Math.max(1, read.number('max-counters', null, 1_000_000)),
    stopWhenOver: read.flag('stop-when-over', 'STOP_CACHE_KEY_INCREMENT_WHEN_OVERLIMIT'),
    expirationJitterSeconds: read.number('expiration-jitter', 'EXPIRATION_JITTER_MAX_SECONDS', 300),
    localCacheBytes,
    nearLimitRatio: ratio(read),
    keyPrefix: read.text('key-prefix', 'CACHE_KEY_PREFIX', ''),
    headers: read.flag('response-headers', 'LIMIT_RESPONSE_HEADERS_ENABLED') ? headerNames(env) : null,
    shadowMode: read.flag('shadow-mode', 'SHADOW_MODE'),
    quotaMode: read.flag('quota-mode', 'QUOTA_MODE'),
    healthNeedsConfig: read.flag('health-needs-config', 'HEALTHY_WITH_AT_LEAST_ONE_CONFIG_LOADED'),
    healthNeedsRedis: read.flag('health-needs-redis', 'REDIS_HEALTH_CHECK_ACTIVE_CONNECTION'),
    maxConnectionAgeMs: read.duration('max-connection-age', 'GRPC_MAX_CONNECTION_AGE', DAY_MS),
    maxConnectionAgeGraceMs: env.duration('GRPC_MAX_CONNECTION_AGE_GRACE', DAY_MS / 24),
    drainDelayMs: read.duration('drain-delay', null, 1000),
    drainTimeMs: read.duration('drain-time', null, 30_000),
    maxDynamicStats: read.number('max-dynamic-stats', null, 10_000),
  }
  env.checkRest()
  return { settings, problems: [...read.problems, ...env.problems], notes: env.notes }
}

function configPath(read: SettingReader, env: EnvironmentReader): string {
  const root = env.text('RUNTIME_ROOT')
  const parts = [root, env.text('RUNTIME_SUBDIRECTORY'), env.text('RUNTIME_APPDIRECTORY') || 'config']
  const path = read.text('config', null, root === '' ? '' : join(...parts))
  if (path === '') read.problem('--config needs the directory of the rate limit configuration')
  return path
}

function ratio(read: SettingReader): number {
  const text = read.text('near-limit-ratio', 'NEAR_LIMIT_RATIO', '0.8')
  const value = Number(text)
  if (text !== '' && value >= 0 && value <= 1) return value
  read.problem(`the near-limit ratio is a number from 0 to 1, not '${text}'`)
  return 0.8
}

const headerNames = (env: EnvironmentReader): RateLimitServerSettings['headers'] => ({
  limit: env.text('LIMIT_LIMIT_HEADER') || 'RateLimit-Limit',
  remaining: env.text('LIMIT_REMAINING_HEADER') || 'RateLimit-Remaining',
  reset: env.text('LIMIT_RESET_HEADER') || 'RateLimit-Reset',
})

// ---- addresses

function grpcAddress(read: SettingReader, env: EnvironmentReader): Address {
  const socket = env.text('GRPC_UDS')
  const host = env.text('GRPC_HOST') || ANY
  const fallback = socket === '' ? `${host}:${env.text('GRPC_PORT') || DEFAULT_GRPC_PORT}` : socket
  return address(read, 'listen', read.text('listen', null, fallback))
}

/** 'none' turns it off. */
function httpAddress(read: SettingReader, env: EnvironmentReader): Address | null {
  const fallback = `${env.text('HOST') || ANY}:${env.text('PORT') || DEFAULT_HTTP_PORT}`
  const text = read.text('http', null, fallback)
  return text === 'none' ? null : address(read, 'http', text)
}

function debugAddress(read: SettingReader, env: EnvironmentReader): Address | null {
  const [host, port] = [env.text('DEBUG_HOST'), env.text('DEBUG_PORT')]
  const text = read.text('debug', null, port === '' ? 'none' : `${host || ANY}:${port}`)
  return text === 'none' ? null : address(read, 'debug', text)
}

function address(read: SettingReader, flag: string, text: string): Address {
  if (text.startsWith('/')) return pipeAddress(text)
  const match = /^(?:\[([\da-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(/^\d+$/.test(text) ? `:${text}` : text)
  const port = Number(match?.[3] ?? -1)
  if (match === null || port > 65_535) {
    read.problem(`--${flag} is an address such as 127.0.0.1:8081, :8081 or a path, not '${text}'`)
    return ipAddress(ANY, 0)
  }
  return ipAddress(match[1] ?? (match[2] || ANY), port)
}

function redisTarget(read: SettingReader, env: EnvironmentReader, flag: string, prefix: string): RedisTarget | null {
  const variable = `${prefix}_URL`
  const url = read.text(flag, variable, '')
  const type = env.text(`${prefix}_TYPE`)
  if (type !== '' && type.toUpperCase() !== 'SINGLE') {
    read.problem(`${prefix}_TYPE=${type}: sentinel and cluster are not part of this release, SINGLE is`)
  }
  if (env.flag(`${prefix}_TLS`)) read.problem(`${prefix}_TLS: TLS to Redis is not part of this release`)
  const auth = env.text(`${prefix}_AUTH`)
  if (url === '') {
    if (prefix !== 'REDIS') read.problem(`${variable} is missing`)
    else if (env.text('BACKEND_TYPE') === 'redis') read.problem('BACKEND_TYPE=redis needs REDIS_URL')
    return null
  }
  const target = parseRedisUrl(url)
  if (typeof target === 'string') {
    read.problem(`--${flag}: ${target}`)
    return null
  }
  if (auth === '' || target.password !== '') return target
  const colon = auth.indexOf(':')
  return { ...target, user: colon < 0 ? '' : auth.slice(0, colon), password: auth.slice(colon + 1) }
}
