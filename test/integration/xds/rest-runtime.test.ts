import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../../harness/index.ts'
import { answers, ask, assignment, origins, response } from '../discovery/kit.ts'
import { edsCluster, fromAds, grpcSource, startProxy, startServer } from './kit.ts'

test('over REST: asked again and again, what is not answered changes nothing', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const asked: {
    readonly path: string
    readonly headers: IncomingMessage['headers']
    readonly body: Record<string, unknown>
  }[] = []
  const replies = new Map<string, { status: number; body?: object }>()
  const server = createServer(async (request, answer) => {
    asked.push({
      path: String(request.url),
      headers: request.headers,
      body: JSON.parse(await text(request)) as Record<string, unknown>,
    })
    const { status, body } = replies.get(String(request.url)) ?? { status: 404 }
    answer.writeHead(status).end(body === undefined ? '' : JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port: at } = server.address() as { port: number }
  const rest = {
    resource_api_version: 'V3',
    api_config_source: {
      api_type: 'REST',
      transport_api_version: 'V3',
      cluster_names: ['rest'],
      refresh_delay: '0.05s',
    },
  }
  replies.set('/v3/discovery:clusters', { status: 200, body: response('cluster', 'c1', edsCluster('origin', rest)) })
  replies.set('/v3/discovery:endpoints', { status: 200, body: response('endpoints', 'e1', assignment('origin', a)) })
  const dynamic_resources = { cds_config: rest }
  const config = bootstrap(
    [
      httpListener({
        port,
        hcm: {
          route_config: {
            name: 'r',
            validate_clusters: false,
            virtual_hosts: [
              { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'origin' } }] },
            ],
          },
        },
      }),
    ],
    [staticCluster('rest', at)],
    { dynamic_resources },
  )
  const proxy = await ProxyProcess.start(config)
  t.after(() => proxy[Symbol.asyncDispose]())
  assert.equal(await ask(port), '200 0')
  const [first] = asked
  assert.equal(first?.path, '/v3/discovery:clusters')
  assert.deepEqual([first?.headers['content-type'], first?.headers.host], ['application/json', 'rest'])
  assert.equal(first?.body['version_info'], undefined)
  assert.equal(first?.body['type_url'], 'type.googleapis.com/envoy.config.cluster.v3.Cluster')
  assert.equal((first?.body['node'] as { id?: string } | undefined)?.id, 'test')
  replies.set('/v3/discovery:clusters', { status: 304 })
  replies.set('/v3/discovery:endpoints', { status: 200, body: response('endpoints', 'e2', assignment('origin', b)) })
  await proxy.untilStat('cluster.origin.membership_change', 2)
  assert.deepEqual(await answers(port, 3), new Set(['200 1']))
  const next = () => asked.find(({ path, body }) => path.endsWith('endpoints') && body['version_info'] === 'e2')
  while (next() === undefined) await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(next()?.body['resource_names'], ['origin'])
  replies.set('/v3/discovery:endpoints', { status: 500 })
  await proxy.untilStat('cluster.origin.update_failure', 2)
  replies.set('/v3/discovery:endpoints', { status: 200, body: { resources: 'no' } })
  await proxy.untilStat('cluster.origin.update_rejected', 2)
  assert.equal(await ask(port), '200 1')
})

test('a layer of the runtime comes before everything else, and a newer one applies at once', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  const routes = [
    {
      match: { prefix: '/', runtime_fraction: { default_value: { numerator: 100 }, runtime_key: 'routing.origin' } },
      route: { cluster: 'origin' },
    },
    { match: { prefix: '/' }, direct_response: { status: 418 } },
  ]
  server.set('cluster', '1', staticCluster('origin', a))
  server.set('listener', '1', httpListener({ port, routes }))
  server.set('runtime', '1', { name: 'layer', layer: { routing: { origin: 0 } } })
  const layers = [
    { name: 'base', static_layer: { 'routing.origin': 100 } },
    { name: 'far', rtds_layer: { name: 'layer', rtds_config: fromAds() } },
    { name: 'admin', admin_layer: {} },
  ]
  const proxy = await startProxy(t, server, { bootstrap: { layered_runtime: { layers } } })
  assert.equal(await ask(port), '418')
  const order = server.requests.map(({ kind }) => kind)
  assert.deepEqual([order[0], order.indexOf('cluster') < order.indexOf('listener')], ['runtime', true])
  const shown = (await (await proxy.admin('/runtime')).json()) as { layers: string[]; entries: Record<string, object> }
  assert.deepEqual(shown.layers, ['base', 'far', 'admin'])
  assert.deepEqual(shown.entries['routing.origin'], { final_value: '0', layer_values: ['100', '0', ''] })
  server.set('runtime', '2', { name: 'layer', layer: { routing: { origin: 100 } } })
  await server.acknowledged('runtime', '2')
  await proxy.untilStat('runtime.update_success', 2)
  assert.equal(await ask(port), '200 0')
})

test('REST without a delay, or for ADS, is refused', async () => {
  const rest = { api_type: 'REST', transport_api_version: 'V3', cluster_names: ['x'] }
  const start = (dynamic_resources: object) =>
    ProxyProcess.start(bootstrap([], [staticCluster('x', 1)], { dynamic_resources }))
  await assert.rejects(start({ cds_config: { api_config_source: rest } }), /refresh_delay: REST asks again and again/)
  await assert.rejects(start({ ads_config: { ...rest, refresh_delay: '1s' } }), /api_type: is a stream/)
  await assert.rejects(
    start({ cds_config: { api_config_source: { ...grpcSource(), cluster_names: ['x'] } } }),
    /has none/,
  )
})
