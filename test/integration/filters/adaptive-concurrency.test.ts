// adaptive_concurrency over sockets. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

function listener(port: number, prefix: string, gradient: object, extra: object = {}): object {
  const filter = {
    name: 'envoy.filters.http.adaptive_concurrency',
    typed_config: {
      '@type': `${TYPE}.adaptive_concurrency.v3.AdaptiveConcurrency`,
      gradient_controller_config: gradient,
      ...extra,
    },
  }
  const router = { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.router.v3.Router` } }
  return httpListener({
    port,
    hcm: {
      stat_prefix: prefix,
      http_filters: [filter, router],
      local_reply_config: {
        body_format: { text_format_source: { inline_string: '%LOCAL_REPLY_BODY% %RESPONSE_CODE_DETAILS%' } },
      },
    },
  })
}

/** A request on a connection of its own; the answer may come later. */
async function ask(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port)
  client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  return client
}

async function answer(client: RawClient): Promise<string> {
  await client.until(text => parseResponses(text, ['GET']).length === 1)
  const [{ status, body } = { status: 0, body: '' }] = parseResponses(client.received, ['GET'])
  client.close()
  return `${status} ${body}`
}

/** An origin that answers when told. */
async function patientOrigin(): Promise<{
  origin: ScriptedOrigin
  held(count: number): Promise<void>
  release(): void
}> {
  let waiting: (() => void)[] = []
  let arrived: () => void = () => {}
  const origin = await ScriptedOrigin.start(({ socket }) => {
    waiting.push(() => socket.write(OK))
    arrived()
  })
  return {
    origin,
    held: async count => {
      while (waiting.length < count) await new Promise<void>(resolve => (arrived = resolve))
    },
    release: () => {
      for (const say of waiting) say()
      waiting = []
    },
  }
}

const stat = (prefix: string, name: string): string => `http.${prefix}.adaptive_concurrency.gradient_controller.${name}`

test('so many requests as minRTT is measured with go through, over all workers; the next is turned away', async t => {
  const { origin, held, release } = await patientOrigin()
  t.after(() => origin.close())
  const [one, other] = (await freePorts(2)) as [number, number]
  const gradient = {
    concurrency_limit_params: { concurrency_update_interval: '0.1s' },
    min_rtt_calc_params: { interval: '60s', request_count: 3, min_concurrency: 2 },
  }
  await using proxy = await ProxyProcess.start(
    bootstrap(
      [
        listener(one, 'one', gradient),
        listener(other, 'other', gradient, { concurrency_limit_exceeded_status: { code: 'TooManyRequests' } }),
      ],
      [staticCluster('origin', origin.port)],
    ),
    { concurrency: 2 },
  )
  await proxy.untilStat(stat('one', 'min_rtt_calculation_active'), 1)
  await proxy.untilStat(stat('one', 'concurrency_limit'), 2)
  const first = await ask(one)
  const second = await ask(one)
  await held(2)
  assert.equal(await answer(await ask(one)), '503 reached concurrency limit reached_concurrency_limit')
  await proxy.untilStat(stat('one', 'rq_blocked'), 1)
  // Another listener has its own controller, and its own status.
  const apart = [await ask(other), await ask(other)]
  await held(4)
  assert.equal(await answer(await ask(other)), '429 reached concurrency limit reached_concurrency_limit')
  release()
  assert.deepEqual(await Promise.all([first, second, ...apart].map(answer)), ['200 ok', '200 ok', '200 ok', '200 ok'])
  await proxy.untilStat(stat('one', 'min_rtt_calculation_active'), 1)
  const third = await ask(one)
  await held(1)
  release()
  assert.equal(await answer(third), '200 ok')
  await proxy.untilStat(stat('one', 'min_rtt_calculation_active'), 0)
  const minRttMs = (await proxy.stats('one.adaptive')).get(stat('one', 'min_rtt_msecs'))!
  assert.ok(minRttMs >= 0 && minRttMs < 3000, `minRTT ${minRttMs}`)
})

test('requests that are given up leave no sample, and their place is free again', async t => {
  const { origin, held, release } = await patientOrigin()
  t.after(() => origin.close())
  const [port] = (await freePorts(1)) as [number]
  const gradient = {
    concurrency_limit_params: { concurrency_update_interval: '0.1s' },
    min_rtt_calc_params: { interval: '60s', request_count: 1, min_concurrency: 1 },
  }
  await using proxy = await ProxyProcess.start(
    bootstrap([listener(port, 'in', gradient)], [staticCluster('origin', origin.port)]),
  )
  const given = await ask(port)
  await held(1)
  given.close()
  await proxy.untilStat('http.in.downstream_rq_active', 0)
  const next = await ask(port)
  await held(2)
  assert.equal(await answer(await ask(port)), '503 reached concurrency limit reached_concurrency_limit')
  assert.equal((await proxy.stats('in.adaptive')).get(stat('in', 'min_rtt_calculation_active')), 1)
  release()
  assert.equal(await answer(next), '200 ok')
  await proxy.untilStat(stat('in', 'min_rtt_calculation_active'), 0)
})

test('a fixed minRTT, no status below 400, and off at runtime', async t => {
  const { origin, held, release } = await patientOrigin()
  t.after(() => origin.close())
  const [port, off] = (await freePorts(2)) as [number, number]
  const gradient = {
    concurrency_limit_params: { concurrency_update_interval: '60s', min_concurrency_limit: 2 },
    min_rtt_calc_params: { fixed_value: '0.04s' },
  }
  const enabled = { enabled: { runtime_key: 'limit', default_value: true } }
  await using proxy = await ProxyProcess.start(
    bootstrap(
      [
        listener(port, 'in', gradient, { concurrency_limit_exceeded_status: { code: 'OK' } }),
        listener(off, 'off', gradient, enabled),
      ],
      [staticCluster('origin', origin.port)],
      { layered_runtime: { layers: [{ name: 's', static_layer: { limit: false } }] } },
    ),
  )
  await proxy.untilStat(stat('in', 'min_rtt_msecs'), 40)
  await proxy.untilStat(stat('in', 'concurrency_limit'), 2)
  await proxy.untilStat(stat('in', 'min_rtt_calculation_active'), 0)
  const asked = [await ask(port), await ask(port), await ask(off), await ask(off), await ask(off)]
  await held(5)
  assert.equal(await answer(await ask(port)), '503 reached concurrency limit reached_concurrency_limit')
  release()
  for (const client of asked) assert.equal(await answer(client), '200 ok')
})
