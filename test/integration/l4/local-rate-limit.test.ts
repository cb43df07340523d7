// Local rate limits of connections: by listener filter and by network filter, for all workers together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootstrap, freePorts, ProxyProcess, RawClient, socketAddress } from '../../harness/index.ts'

const EXTENSIONS = 'type.googleapis.com/envoy.extensions.filters'
const token_bucket = { max_tokens: 3, tokens_per_fill: 1, fill_interval: '600s' }
const echo = { name: 'echo', typed_config: { '@type': `${EXTENSIONS}.network.echo.v3.Echo` } }

const limit = (kind: 'network' | 'listener', extra: object) => ({
  name: 'limit',
  typed_config: { '@type': `${EXTENSIONS}.${kind}.local_ratelimit.v3.LocalRateLimit`, token_bucket, ...extra },
})

const listener = (port: number, listenerFilters: readonly object[], filters: readonly object[]) => ({
  name: `l${port}`,
  address: socketAddress(port),
  listener_filters: listenerFilters,
  filter_chains: [{ filters: [...filters, echo] }],
})

/** 1 for every connection that is echoed to, 0 for those closed before. */
async function connectTimes(port: number, times: number): Promise<readonly number[]> {
  const outcomes: number[] = []
  for (let i = 0; i < times; i++) {
    const client = await RawClient.connect(port)
    client.send('hello')
    outcomes.push((await client.until(text => text === 'hello')) === 'hello' ? 1 : 0)
    client.close()
  }
  return outcomes
}

test('connections beyond the bucket are closed, counted by the filter alone, and workers share the bucket', async () => {
  const [first, second, third, fourth, fifth] = (await freePorts(5)) as [number, number, number, number, number]
  const listeners = [
    listener(first, [limit('listener', { stat_prefix: 'accept' })], []),
    listener(second, [], [limit('network', { stat_prefix: 'plain' })]),
    listener(third, [], [limit('network', { stat_prefix: 'one', share_key: 'both' })]),
    listener(fourth, [], [limit('network', { stat_prefix: 'two', share_key: 'both' })]),
    listener(
      fifth,
      [],
      [limit('network', { stat_prefix: 'off', runtime_enabled: { default_value: false, runtime_key: 'k' } })],
    ),
  ]
  await using proxy = await ProxyProcess.start(bootstrap(listeners, []), { concurrency: 2 })
  assert.deepEqual(await connectTimes(first, 6), [1, 1, 1, 0, 0, 0])
  assert.deepEqual(await connectTimes(second, 6), [1, 1, 1, 0, 0, 0])
  assert.deepEqual(await connectTimes(third, 2), [1, 1])
  assert.deepEqual(await connectTimes(fourth, 2), [1, 0])
  assert.deepEqual(await connectTimes(fifth, 5), [1, 1, 1, 1, 1])
  const stats = await proxy.stats('rate')
  assert.equal(stats.get('listener_local_ratelimit.accept.rate_limited'), 3)
  assert.equal(stats.get('local_rate_limit.plain.rate_limited'), 3)
  assert.equal(stats.get('local_rate_limit.two.rate_limited'), 1)
  const accepted = await proxy.stats(`listener.127.0.0.1_${first}.downstream`)
  assert.equal(accepted.get(`listener.127.0.0.1_${first}.downstream_cx_total`), 3)
  assert.equal(accepted.get(`listener.127.0.0.1_${first}.downstream_listener_filter_error`), 0)
})
