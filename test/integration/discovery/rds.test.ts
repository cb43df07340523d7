import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../../harness/index.ts'
import { answers, ask, dump, fromFile, load, moveOver, origins, response, testFolder } from './kit.ts'

const routesTo = (cluster: string, extra: object = {}) => ({
  name: 'web',
  virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }],
  ...extra,
})

test('route tables from a file: replaced under load, refused with the last good one in force', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [first, second] = (await freePorts(2)) as [number, number]
  const file = join(testFolder(t), 'rds.json')
  moveOver(file, response('routes', 'v1', routesTo('a')))
  const hcm = { route_config: undefined, rds: { route_config_name: 'web', config_source: fromFile(file) } }
  const listeners = [httpListener({ port: first, hcm }), httpListener({ port: second, hcm })]
  const proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('a', a), staticCluster('b', b)]), {
    concurrency: 2,
  })
  t.after(() => proxy[Symbol.asyncDispose]())
  const rds = `http.in_${first}.rds.web`
  assert.deepEqual(await answers(first, 4), new Set(['200 0']))
  const stop = load(first)
  moveOver(file, response('routes', 'v2', routesTo('b')))
  await proxy.untilStat(`${rds}.update_success`, 2)
  assert.deepEqual(await stop(), [])
  for (const port of [first, second]) assert.deepEqual(await answers(port, 6), new Set(['200 1']))
  const [table] = await dump(proxy, 'resource=dynamic_route_configs')
  assert.equal(table?.['version_info'], 'v2')
  // Routes may come before their clusters.
  moveOver(file, response('routes', 'v3', routesTo('nowhere')))
  await proxy.untilStat(`${rds}.config_reload`, 3)
  assert.match(await ask(first), /^503/)
  const refused = [
    response('routes', 'v4', routesTo('nowhere', { validate_clusters: true })),
    response('routes', 'v4', { ...routesTo('a'), name: 'other' }),
    response('routes', 'v4', routesTo('a', { virtual_hosts: [{ name: 'x', domains: ['*', '*'] }] })),
  ]
  for (const [i, content] of refused.entries()) {
    moveOver(file, content)
    await proxy.untilStat(`${rds}.update_rejected`, i + 1)
  }
  assert.match(proxy.log, /Unexpected RDS configuration \(expecting web\): other/)
  moveOver(file, response('routes', 'v5', routesTo('a')))
  await proxy.untilStat(`${rds}.update_success`, 4)
  assert.deepEqual(await answers(second, 4), new Set(['200 0']))
})
