import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings } from './read-settings.ts'

const read = (flags: Record<string, string>, env: Record<string, string> = {}) =>
  readSettings(new Map(Object.entries({ config: '/c', ...flags })), env)

test('without anything: memory, fixed windows, the ports of envoyproxy/ratelimit', () => {
  const { settings, problems, notes } = read({})
  assert.deepEqual([problems, notes], [[], []])
  const { listen, http, debug, redis, window, nearLimitRatio, headers, configPath } = settings
  assert.deepEqual(
    [String(listen), String(http), debug, redis, window, nearLimitRatio, headers, configPath],
    ['0.0.0.0:8081', '0.0.0.0:8080', null, null, 'fixed', 0.8, null, '/c'],
  )
})

test('the environment of envoyproxy/ratelimit, which flags go before', () => {
  const env = {
    RUNTIME_ROOT: '/data',
    RUNTIME_SUBDIRECTORY: 'ratelimit',
    RUNTIME_WATCH_ROOT: 'false',
    GRPC_HOST: '127.0.0.1',
    GRPC_PORT: '9081',
    PORT: '9080',
    DEBUG_PORT: '9070',
    REDIS_URL: 'redis:6379',
    REDIS_AUTH: 'user:secret',
    REDIS_TIMEOUT: '1m0.5s',
    REDIS_PERSECOND: 'true',
    REDIS_PERSECOND_URL: '/run/second.sock',
    LIMIT_RESPONSE_HEADERS_ENABLED: 'true',
    LIMIT_RESET_HEADER: 'x-reset',
    NEAR_LIMIT_RATIO: '0.5',
    SHADOW_MODE: '1',
    LOCAL_CACHE_SIZE_IN_BYTES: '4096',
    USE_STATSD: 'false',
  }
  const { settings, problems, notes } = readSettings(new Map([['listen', ':7000']]), env)
  assert.deepEqual(problems, [])
  assert.deepEqual(notes, [
    'RUNTIME_WATCH_ROOT has no effect: all changes are noticed, and names with a leading dot never read',
    'USE_STATSD has no effect: stats are read at /stats',
  ])
  assert.equal(settings.configPath, '/data/ratelimit/config')
  assert.equal(String(settings.listen), '0.0.0.0:7000')
  assert.deepEqual([String(settings.http), String(settings.debug)], ['0.0.0.0:9080', '0.0.0.0:9070'])
  assert.deepEqual(
    [settings.redis?.shown, settings.redis?.user, settings.redis?.password],
    ['redis:6379', 'user', 'secret'],
  )
  assert.equal(settings.redisPerSecond?.shown, '/run/second.sock')
  assert.equal(settings.redisTimeoutMs, 60_500)
  assert.deepEqual(settings.headers, { limit: 'RateLimit-Limit', remaining: 'RateLimit-Remaining', reset: 'x-reset' })
  assert.deepEqual([settings.nearLimitRatio, settings.shadowMode, settings.localCacheBytes], [0.5, true, 4096])
})

test('what cannot be done is refused with its reason, all at once', () => {
  const { problems } = read(
    {
      listen: 'nowhere',
      'redis-timeout': 'soon',
      window: 'sliding',
      'local-cache-bytes': '1',
      'near-limit-ratio': '2',
    },
    {
      BACKEND_TYPE: 'memcache',
      CONFIG_TYPE: 'GRPC_XDS_SOTW',
      GRPC_SERVER_USE_TLS: 'true',
      REDIS_TYPE: 'cluster',
      REDIS_TLS: 'true',
      QUOTA_MODE: 'perhaps',
    },
  )
  for (const about of [
    '--listen',
    '--redis-timeout',
    'sliding',
    'near-limit',
    'BACKEND_TYPE',
    'CONFIG_TYPE',
    'USE_TLS',
    'REDIS_TYPE',
    'REDIS_TLS',
    'QUOTA_MODE',
  ]) {
    assert.equal(problems.filter(problem => problem.includes(about)).length, 1, `${about}: ${problems.join('\n')}`)
  }
  assert.match(readSettings(new Map(), {}).problems.join(), /--config needs the directory/)
  assert.match(read({}, { BACKEND_TYPE: 'redis' }).problems.join(), /needs REDIS_URL/)
  assert.match(read({ redis: 'rediss://h' }).problems.join(), /TLS to Redis/)
})
