import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  ScriptedOrigin,
  staticCluster,
} from '../../../../test/harness/index.ts'
import { Clock } from '../../../base/index.ts'
import { ResponseCache } from './response-cache.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http'

test('after /healthcheck/fail checks fail and every other response says so, until /healthcheck/ok', async () => {
  const [port] = (await freePorts(1)) as [number]
  const origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  const hcm = {
    http_filters: [
      {
        name: 'hc',
        typed_config: {
          '@type': `${TYPE}.health_check.v3.HealthCheck`,
          pass_through_mode: true,
          headers: [{ name: ':path', string_match: { exact: '/healthz' } }],
        },
      },
      { name: 'router', typed_config: { '@type': `${TYPE}.router.v3.Router` } },
    ],
  }
  const config = bootstrap([httpListener({ port, hcm })], [staticCluster('origin', origin.port)])
  const proxy = await ProxyProcess.start(config)
  const ask = async (path: string): Promise<readonly [number, string | undefined]> => {
    const [answer] = parseResponses(
      await exchange(port, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
    )
    return [answer!.status, answer!.headers.find(([name]) => name === 'x-envoy-immediate-health-check-fail')?.[1]]
  }
  try {
    assert.deepEqual(await ask('/healthz'), [200, undefined])
    await proxy.admin('/healthcheck/fail', { method: 'POST' })
    assert.deepEqual(await ask('/healthz'), [503, undefined])
    assert.deepEqual(await ask('/'), [200, 'true'])
    assert.equal(origin.requests.length, 2)
    await proxy.admin('/healthcheck/ok', { method: 'POST' })
    assert.deepEqual(await ask('/healthz'), [200, undefined])
    assert.deepEqual(await ask('/'), [200, undefined])
  } finally {
    await proxy.stop()
    await origin.close()
  }
})

test('what is remembered is forgotten at the end of each period', () => {
  let nowMs = 1000
  const clock = new Clock({ monotonicMs: () => nowMs, wallMs: () => nowMs })
  const at = (ms: number): void => {
    nowMs = ms
    clock.update()
  }
  const cache = new ResponseCache(clock, 100)
  assert.equal(cache.isFresh(), false)
  at(1190)
  cache.remember(503, true)
  assert.deepEqual([cache.isFresh(), cache.status, cache.degraded], [true, 503, true])
  at(1200)
  assert.equal(cache.isFresh(), false)
})
