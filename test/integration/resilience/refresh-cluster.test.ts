// refresh_cluster_on_retry: each attempt may go to another cluster. Passes against a real Envoy too.
import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { after, before, test } from 'node:test'
import { type AnswerPlan, Origins } from '../../differential/resilience/origins.ts'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../../harness/index.ts'

const POLICY = {
  retry_on: '5xx',
  num_retries: 4,
  refresh_cluster_on_retry: true,
  retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
}
const MATCHERS = 'type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3'
const agent = new Agent({ keepAlive: true })
let [origins, proxy, port]: [Origins?, ProxyProcess?, number?] = []

const weighted = (name: string, weight: number): object => ({
  name,
  weight,
  request_headers_to_add: [{ header: { key: 'x-asked', value: name } }],
  response_headers_to_add: [{ header: { key: 'x-answered', value: name } }],
})
const action = (cluster: string): object => ({
  action: { name: 'c', typed_config: { '@type': `${MATCHERS}.ClusterAction`, cluster } },
})
/** By the number of the attempt before. */
const byAttempt = {
  '@type': `${MATCHERS}.MatcherClusterSpecifier`,
  cluster_matcher: {
    matcher_tree: {
      input: {
        name: 'attempt',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput',
          header_name: 'x-envoy-attempt-count',
        },
      },
      exact_match_map: { map: { 1: action('b'), 2: action('c'), 3: action('nosuch') } },
    },
    on_no_match: action('a'),
  },
}

before(async () => {
  origins = await Origins.start()
  ;[port] = (await freePorts(1)) as [number]
  const target = origins.port
  const clusters = ['a', 'b', 'c'].map((name, index) => {
    const endpoint = { address: { socket_address: { address: `127.0.1.${index + 1}`, port_value: target } } }
    return staticCluster(name, target, {
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    })
  })
  const route = (prefix: string, to: object): object => ({ match: { prefix }, route: { ...to, retry_policy: POLICY } })
  const routes = [
    route('/weighted', { weighted_clusters: { clusters: [weighted('a', 1), weighted('b', 1), weighted('c', 1)] } }),
    route('/one', { weighted_clusters: { clusters: [weighted('a', 1), weighted('b', 0)] } }),
    route('/matched', { inline_cluster_specifier_plugin: { extension: { name: 'm', typed_config: byAttempt } } }),
  ]
  const virtual_hosts = [{ name: 'v', domains: ['*'], include_request_attempt_count: true, routes }]
  const hcm = { route_config: { validate_clusters: false, virtual_hosts } }
  proxy = await ProxyProcess.start(bootstrap([httpListener({ port, hcm })], clusters))
})
after(async () => {
  agent.destroy()
  await proxy?.stop()
  await origins?.stop()
})

interface Outcome {
  readonly status: number | undefined
  readonly answered: unknown
  /** Who was asked, and as whose request. */
  readonly asked: readonly string[]
}

async function ask(path: string, hosts: AnswerPlan['hosts'] = {}): Promise<Outcome> {
  origins?.asked.clear()
  const headers = { 'x-plan': JSON.stringify({ hosts }) }
  const response = await new Promise<{ statusCode?: number; headers: Record<string, unknown> }>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent, headers }, answer => {
      answer.resume().on('end', () => resolve(answer as never))
    }).on('error', reject)
  })
  const asked = (origins?.asked.get('127.0.1') ?? []).map(({ host, headers: of }) => `${host}${of['x-asked'] ?? ''}`)
  return { status: response.statusCode, answered: response.headers['x-answered'], asked }
}

const FAILS = { status: 503 }

test('weighted clusters take turns, and none comes again before all have been tried', async () => {
  for (let i = 0; i < 20; i++) {
    const { status, answered, asked } = await ask('/weighted', { 1: FAILS, 2: FAILS, 3: FAILS })
    const hosts = asked.map(text => text[0])
    assert.equal(status, 503)
    assert.equal(hosts.length, 5)
    assert.deepEqual(hosts.slice(0, 3).toSorted(), ['1', '2', '3'])
    assert.equal(new Set(hosts.slice(2)).size, 3)
    // The request is still what the first cluster made of it; the answer is the last one's.
    assert.equal(new Set(asked.map(text => text[1])).size, 1)
    assert.equal(answered, 'abc'[Number(hosts[4]) - 1])
  }
})

test('a cluster that answers ends it; it is charged with the retry', async () => {
  const stat = async (name: string) => (await proxy!.stats(`^cluster\\.${name}\\.upstream_rq_retry`)).values().toArray()
  const before = { a: await stat('a'), b: await stat('b') }
  const { status, asked } = await ask('/matched', { 1: FAILS })
  assert.deepEqual([status, asked], [200, ['1', '2']])
  assert.deepEqual(await stat('a'), before.a)
  assert.notDeepEqual(await stat('b'), before.b)
})

test('a cluster without weight is not tried; one that is not there ends it', async () => {
  const { asked } = await ask('/one', { 1: FAILS })
  assert.deepEqual(asked, ['1a', '1a', '1a', '1a', '1a'])
  const { status, asked: matched } = await ask('/matched', { 1: FAILS, 2: FAILS, 3: FAILS })
  assert.deepEqual([status, matched], [503, ['1', '2', '3']])
})
