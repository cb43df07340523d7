// The admin interface of a running proxy: what it says agrees with what was done to the proxy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

let origin: ScriptedOrigin
let proxy: ProxyProcess
let port: number

const GET = 'GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'

async function json(path: string) {
  return JSON.parse(await (await proxy.admin(path)).text())
}

function post(path: string): Promise<Response> {
  return proxy.admin(path, { method: 'POST' })
}

before(async () => {
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  const [listenerPort] = await freePorts(1)
  port = listenerPort!
  const layers = [
    { name: 'fixed', static_layer: { a: 1 } },
    { name: 'admin', admin_layer: {} },
  ]
  const listeners = [httpListener({ port, hcm: { stat_prefix: 'in' } })]
  const clusters = [staticCluster('origin', origin.port)]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters, { layered_runtime: { layers } }), { concurrency: 2 })
})

after(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await origin?.close()
})

test('requests are counted, over all workers, under Envoys names', async () => {
  await post('/reset_counters')
  for (let i = 0; i < 5; i++) assert.match(await exchange(port, GET), /^HTTP\/1\.1 200 /)
  const stats = await proxy.stats('.')
  assert.equal(stats.get('http.in.downstream_rq_total'), 5)
  assert.equal(stats.get('http.in.downstream_rq_2xx'), 5)
  assert.equal(stats.get('cluster.origin.upstream_rq_total'), 5)
  assert.equal(stats.get('cluster.origin.upstream_rq_200'), 5)
  assert.equal(stats.get(`listener.127.0.0.1_${port}.downstream_cx_total`), 5)
  assert.equal(stats.get('server.live'), 1)
  assert.equal(stats.get('server.concurrency'), 2)
  assert.ok((stats.get('http.admin.downstream_rq_total') ?? 0) > 0)
})

test('statistics in JSON and for Prometheus', async () => {
  const { stats } = await json('/stats?format=json&filter=^server.live$')
  assert.deepEqual(stats, [{ name: 'server.live', value: 1 }])
  const text = await (await proxy.admin('/stats/prometheus?filter=upstream_rq_200')).text()
  assert.match(text, /# TYPE envoy_cluster_upstream_rq counter\n/)
  assert.match(text, /envoy_cluster_upstream_rq\{envoy_response_code="200",envoy_cluster_name="origin"\} 5\n/)
})

test('/clusters and /listeners show what is there', async () => {
  const text = await (await proxy.admin('/clusters')).text()
  assert.match(text, new RegExp(`^origin::127\\.0\\.0\\.1:${origin.port}::rq_success::5$`, 'm'))
  assert.match(text, new RegExp(`^origin::127\\.0\\.0\\.1:${origin.port}::health_flags::healthy$`, 'm'))
  assert.equal(await (await proxy.admin('/listeners')).text(), `http_${port}::127.0.0.1:${port}\n`)
})

test('/config_dump gives back what was configured, in snake_case', async () => {
  const { configs } = await json('/config_dump?resource=static_clusters')
  assert.equal(configs.length, 1)
  const { cluster } = configs[0]
  assert.deepEqual([cluster.name, cluster.type, cluster.connect_timeout], ['origin', 'STATIC', '1s'])
  assert.equal(
    cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value,
    origin.port,
  )
  const routes = await json('/config_dump?resource=static_route_configs&mask=route_config.name')
  assert.equal(routes.configs[0].route_config.name, `routes_${port}`)
})

test('/server_info knows node and command line', async () => {
  const info = await json('/server_info')
  assert.deepEqual([info.state, info.node.id, info.command_line_options.concurrency], ['LIVE', 'test', 2])
})

test('/runtime follows /runtime_modify', async () => {
  assert.equal((await post('/runtime_modify?a=7')).status, 200)
  assert.deepEqual((await json('/runtime')).entries.a, { layer_values: ['1', '7'], final_value: '7' })
})

test('/logging changes levels', async () => {
  const text = await (await post('/logging?level=debug')).text()
  assert.match(text, /^active loggers:\n {2}\S+: debug\n/)
  await post('/logging?level=info')
})

test('failing health checks show in /ready and tell clients to go', async () => {
  await post('/healthcheck/fail')
  assert.equal((await proxy.admin('/ready')).status, 503)
  await post('/healthcheck/ok')
  assert.equal((await proxy.admin('/ready')).status, 200)
})

test('/drain_listeners closes them; /quitquitquit ends the process with 0', async () => {
  await post('/drain_listeners')
  // The workers close their sockets as soon as main has told them; until then a connection may still get through.
  for (let refused = false; !refused; ) {
    refused = await RawClient.connect(port).then(
      client => {
        client.close()
        return false
      },
      (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
    )
  }
  assert.equal((await post('/quitquitquit')).status, 200)
  assert.deepEqual(await proxy.waitForExit(), { code: 0, signal: null })
})
