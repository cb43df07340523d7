// After faults of origins every gauge is what it was before them: E1, E3, E5 and E6 of docs/attack-cases.md, many at once, with
// retries, hedges and clients that leave in the middle.
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { after, before, test } from 'node:test'
import { type AnswerPlan, Origins } from '../differential/resilience/origins.ts'
import { bootstrap, DeafServer, freePorts, httpListener, ProxyProcess, socketAddress } from '../harness/index.ts'

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const AT_ONCE = 24
/** For as long as a test may take on a busy machine. */
const PATIENCE_MS = 20_000

let [origins, deaf, proxy, port]: [Origins?, DeafServer?, ProxyProcess?, number?] = []
let agent = new Agent()

function cluster(name: string, ports: readonly number[], extra: object = {}): object {
  const lb_endpoints = ports.map((target, host) => ({
    endpoint: { address: socketAddress(target, `127.0.4.${host + 1}`) },
  }))
  return {
    name,
    type: 'STATIC',
    connect_timeout: '0.2s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] },
    common_lb_config: { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' },
    circuit_breakers: { thresholds: [{ max_retries: 1000, track_remaining: true }] },
    // So that connections that nobody uses go as well.
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: {
        '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
        common_http_protocol_options: { idle_timeout: '0.2s' },
        explicit_http_config: { http_protocol_options: {} },
      },
    },
    ...extra,
  }
}

const BACK_OFF = { retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } }
const RETRY = { retry_policy: { retry_on: '5xx', num_retries: 2, ...BACK_OFF } }
const perTry = (extra: object): object => ({ retry_policy: { ...RETRY.retry_policy, ...extra } })
const ROUTES: readonly (readonly [path: string, cluster: string, action: object])[] = [
  ['/refused/', 'refused', {}],
  ['/refused-again/', 'refused', RETRY],
  ['/deaf/', 'deaf', {}],
  ['/deaf-again/', 'deaf', RETRY],
  ['/cut/', 'origin', {}],
  ['/cut-again/', 'origin', RETRY],
  ['/full/', 'full', {}],
  ['/full-again/', 'full', RETRY],
  ['/timeout/', 'origin', { timeout: '0.2s' }],
  ['/per-try/', 'origin', perTry({ per_try_timeout: '0.1s' })],
  ['/per-try-idle/', 'origin', perTry({ per_try_idle_timeout: '0.1s' })],
  [
    '/hedge/',
    'origin',
    { ...perTry({ per_try_timeout: '0.05s' }), hedge_policy: { hedge_on_per_try_timeout: true }, timeout: '0.4s' },
  ],
  ['/duration/', 'origin', { max_stream_duration: { max_stream_duration: '0.2s' } }],
  ['/idle/', 'origin', { idle_timeout: '0.2s' }],
  ['/outlier/', 'outlier', RETRY],
]

before(async () => {
  origins = await Origins.start()
  deaf = await DeafServer.start()
  const [own, closed] = (await freePorts(2)) as [number, number]
  port = own
  const clusters = [
    cluster('origin', [origins.port, origins.port, origins.port]),
    cluster('refused', [closed, closed]),
    cluster('deaf', [1], {
      load_assignment: {
        cluster_name: 'deaf',
        endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(deaf.port) } }] }],
      },
    }),
    cluster('full', [origins.port], {
      circuit_breakers: {
        thresholds: [
          { max_connections: 3, max_pending_requests: 3, max_requests: 1, max_retries: 0, track_remaining: true },
        ],
        per_host_thresholds: [{ max_connections: 2 }],
      },
    }),
    cluster('outlier', [origins.port, origins.port, origins.port, closed], {
      outlier_detection: {
        interval: '0.1s',
        base_ejection_time: '0.2s',
        max_ejection_time: '0.4s',
        max_ejection_percent: 100,
        consecutive_5xx: 2,
      },
    }),
  ]
  const routes = ROUTES.map(([prefix, to, action]) => ({ match: { prefix }, route: { cluster: to, ...action } }))
  proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes })], clusters), { concurrency: 2 })
})
after(async () => {
  await proxy?.stop()
  await origins?.stop()
  deaf?.close()
})

/** Asks and reads to whatever end; `leaveAfterMs`: the client goes then. */
function ask(path: string, plan: AnswerPlan, leaveAfterMs?: number): Promise<void> {
  return new Promise(resolve => {
    const options = { host: '127.0.0.1', port, path, agent, headers: { 'x-plan': JSON.stringify(plan) } }
    const asked = request(options, response => {
      response.resume().on('error', () => {})
    })
    asked.on('error', () => {}).on('close', resolve)
    asked.end()
    if (leaveAfterMs !== undefined) setTimeout(() => asked.destroy(), leaveAfterMs)
  })
}

/** What is open, under way, waiting, left or out of service, without the admin interface's own. */
async function gauges(): Promise<Readonly<Record<string, number>>> {
  const text = await (await proxy!.admin('/stats?type=Gauges')).text()
  const found = [...text.matchAll(/^((?:cluster|http|listener)\.[^\n]*): (\d+)$/gm)]
  return Object.fromEntries(
    found
      .filter(([, name]) => !/admin|version|update_time/.test(name!))
      .map(([, name, value]) => [name, Number(value)]),
  )
}

async function play(path: string, plan: AnswerPlan): Promise<void> {
  const asks = Array.from({ length: AT_ONCE }, (_, i) => ask(path, plan, i % 4 === 3 ? 15 * (i + 1) : undefined))
  await Promise.all(asks)
}

const SILENT: AnswerPlan = { attempts: [{ fate: 'hang' }] }
const SLOW: AnswerPlan = { attempts: [{ waitMs: 700 }] }
const FAULTS: readonly (readonly [name: string, path: string, plan: AnswerPlan])[] = [
  ['E1: refused', '/refused/', {}],
  ['E1: refused, with retries', '/refused-again/', {}],
  ['E1: connects that nobody answers', '/deaf/', {}],
  ['E1: connects that nobody answers, with retries', '/deaf-again/', {}],
  ['E3: answers that break off', '/cut/', { attempts: [{ fate: 'cut' }] }],
  ['E3: resets in the place of answers', '/cut-again/', { attempts: [{ waitMs: 20, fate: 'rst' }] }],
  ['E3: the end in the place of answers', '/cut-again/', { attempts: [{ waitMs: 20, fate: 'fin' }] }],
  ['E5: breakers that are open', '/full/', { attempts: [{ waitMs: 300 }] }],
  ['E5: breakers that are open, with retries', '/full-again/', { attempts: [{ waitMs: 100, status: 503 }] }],
  ['E6: the route times out', '/timeout/', SILENT],
  ['E6: the body of an answer takes too long', '/timeout/', { attempts: [{ pauseMs: 700 }] }],
  ['E6: each attempt times out', '/per-try/', SILENT],
  ['E6: nothing moves in any attempt', '/per-try-idle/', SILENT],
  ['E6: hedged attempts', '/hedge/', SLOW],
  ['E6: hedged attempts, one of which answers', '/hedge/', { attempts: [{ waitMs: 300 }, { waitMs: 100 }] }],
  ['E6: the stream has lasted too long', '/duration/', { attempts: [{ pauseMs: 700 }] }],
  ['E6: the stream is idle', '/idle/', SILENT],
  ['outliers', '/outlier/', { hosts: { 1: { status: 500 }, 2: { status: 503 } } }],
]

test('every gauge finds back to what it was', async t => {
  const initial = await gauges()
  assert.equal(initial['cluster.full.circuit_breakers.default.remaining_rq'], 1)
  for (const [name, path, plan] of FAULTS) {
    await t.test(name, async () => {
      agent = new Agent({ keepAlive: true })
      await play(path, plan)
      agent.destroy()
      const deadline = performance.now() + PATIENCE_MS
      let now = await gauges()
      while (JSON.stringify(changed(initial, now)) !== '{}' && performance.now() < deadline) now = await gauges()
      assert.deepEqual(changed(initial, now), {})
    })
  }
})

test('and all of it did happen', async () => {
  // Of many at once the one that is let through may be one whose client leaves: this one stays, and would be tried again.
  agent = new Agent({ keepAlive: true })
  await ask('/full-again/', { attempts: [{ status: 503 }] })
  agent.destroy()
  const stats = await proxy!.stats('^cluster\\.')
  for (const name of [
    'refused.upstream_cx_connect_fail',
    'refused.upstream_rq_retry_limit_exceeded',
    'deaf.upstream_cx_connect_timeout',
    'full.upstream_rq_pending_overflow',
    'full.upstream_rq_active_overflow',
    'full.upstream_cx_overflow',
    'full.upstream_rq_retry_overflow',
    'origin.upstream_rq_timeout',
    'origin.upstream_rq_per_try_timeout',
    'origin.upstream_rq_per_try_idle_timeout',
    'origin.upstream_rq_retry',
    'outlier.outlier_detection.ejections_enforced_total',
  ]) {
    assert.ok((stats.get(`cluster.${name}`) ?? 0) > 0, name)
  }
})

/** Gauges that are not what they were; those that are new begin at 0. */
function changed(before: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): object {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  const differ = [...names].filter(name => (before[name] ?? 0) !== (now[name] ?? 0))
  return Object.fromEntries(differ.map(name => [name, `${before[name] ?? 0} -> ${now[name] ?? 0}`]))
}
