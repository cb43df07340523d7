// Chains of a composite whose filters wait, and how often a share is drawn: where recorded answers of Envoy do not reach.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
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
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const filter = (name: string, type: string, config: object = {}) => ({
  name,
  typed_config: { '@type': `${TYPE}.filters.http.${type}`, ...config },
})
const ROUTER = filter('router', 'router.v3.Router')
const deny = filter('rbac', 'rbac.v3.RBAC', {
  rules: { action: 'DENY', policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } },
})
const delay = filter('fault', 'fault.v3.HTTPFault', {
  delay: { fixed_delay: '0.02s', percentage: { numerator: 100 } },
})
const buffer = filter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 100 })
const append = (name: string, request: string, response: string) =>
  filter(name, 'header_mutation.v3.HeaderMutation', {
    mutations: {
      request_mutations: [{ append: { header: { key: 'x-way', value: request } } }],
      response_mutations: [{ append: { header: { key: 'x-way', value: response } } }],
    },
  })
const execute = (action: object) => ({
  action: {
    name: 'execute',
    typed_config: { '@type': `${TYPE}.filters.http.composite.v3.ExecuteFilterAction`, ...action },
  },
})
const chain = (...typed_config: object[]) => execute({ filter_chain: { typed_config } })

/** Picks by the header `pick`. */
const composite = (map: Readonly<Record<string, object>>) =>
  filter('comp', 'composite.v3.Composite', {
    matcher: {
      matcher_tree: {
        input: {
          name: 'pick',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput',
            header_name: 'pick',
          },
        },
        exact_match_map: { map },
      },
    },
  })

let origin: ScriptedOrigin
let proxy: ProxyProcess
let port: number

before(async () => {
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  ;[port] = (await freePorts(1)) as [number]
  const picks = composite({
    delay: chain(delay, deny),
    buffer: chain(buffer, append('a', 'a', 'a'), append('b', 'b', 'b')),
    half: execute({
      typed_config: append('half', 'half', 'half'),
      sample_percent: { default_value: { numerator: 50 } },
    }),
  })
  const listener = httpListener({ port, hcm: { stat_prefix: 'in', http_filters: [picks, ROUTER] } })
  proxy = await ProxyProcess.start(bootstrap([listener], [staticCluster('origin', origin.port)]))
})

after(async () => {
  await proxy.stop()
  await origin.close()
})

const ask = async (pick: string, rest = '\r\n') => {
  const received = await exchange(port, `POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\npick: ${pick}\r\n${rest}`)
  const [response] = parseResponses(received, ['POST'])
  assert.ok(response, received)
  return response
}
const ways = (headers: readonly (readonly [string, string])[]): string =>
  headers
    .filter(([name]) => name === 'x-way')
    .map(([, value]) => value)
    .join()

test('a filter behind one that waits still denies', async () => {
  origin.reset()
  assert.equal((await ask('delay')).status, 403)
  assert.equal(origin.requests.length, 0)
})

test('filters behind one that waits for the body see the request, and the response in reverse', async () => {
  origin.reset()
  const { status, headers } = await ask('buffer', 'transfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n')
  assert.equal(status, 200)
  assert.equal(ways(headers), 'b,a')
  const [request] = origin.requests
  assert.equal(ways(request!.headers), 'a,b')
  assert.equal(request!.body, 'abcd')
})

test('a body that is too large for a filter of the chain is refused', async () => {
  const { status } = await ask('buffer', `content-length: 101\r\n\r\n${'x'.repeat(101)}`)
  assert.equal(status, 413)
})

test('a share is drawn for each request', async () => {
  const seen = await Promise.all(Array.from({ length: 40 }, async () => ways((await ask('half')).headers)))
  const drawn = seen.filter(way => way === 'half').length
  assert.ok(drawn > 5 && drawn < 35, `${drawn} of 40`)
})
