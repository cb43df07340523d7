import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../../harness/index.ts'
import { answers, ask, assignment, dump, fromFile, load, moveOver, origins, response, testFolder } from './kit.ts'

const CDS = 'cluster_manager.cds'
const LDS = 'listener_manager.lds'

async function start(t: TestContext, clusters: readonly object[], listeners: readonly object[]) {
  const folder = testFolder(t)
  const [cds, lds] = [join(folder, 'cds.json'), join(folder, 'lds.json')]
  moveOver(cds, response('cluster', '1', ...clusters))
  moveOver(lds, response('listener', '1', ...listeners))
  const dynamic_resources = { cds_config: fromFile(cds), lds_config: fromFile(lds) }
  const proxy = await ProxyProcess.start(bootstrap([], [], { dynamic_resources }), { concurrency: 2 })
  t.after(() => proxy[Symbol.asyncDispose]())
  return { proxy, cds, lds, folder }
}

/** Asks until that is the answer. */
async function until(port: number, wanted: string | RegExp): Promise<void> {
  for (;;) {
    const answer = await ask(port)
    if (typeof wanted === 'string' ? answer === wanted : wanted.test(answer)) return
  }
}

test('clusters come, change and go while requests are under way', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const { proxy, cds, lds } = await start(t, [staticCluster('origin', a)], [httpListener({ port })])
  assert.equal(await ask(port), '200 0')
  const stop = load(port)
  moveOver(cds, response('cluster', '2', staticCluster('origin', b), staticCluster('more', a)))
  await proxy.untilStat(`${CDS}.update_success`, 2)
  assert.deepEqual(await stop(), [])
  assert.deepEqual(await answers(port, 6), new Set(['200 1']))
  const stats = await proxy.stats('cluster_manager.cluster_')
  const counts = ['added', 'modified', 'removed'].map(name => stats.get(`cluster_manager.cluster_${name}`))
  assert.deepEqual(counts, [2, 1, 0])
  const dumped = await dump(proxy, 'resource=dynamic_active_clusters')
  assert.deepEqual(
    dumped.map(item => [item['version_info'], item['cluster']?.['name']]),
    [
      ['2', 'origin'],
      ['2', 'more'],
    ],
  )
  assert.match(await (await proxy.admin('/clusters')).text(), /more::added_via_api::true/)
  // A version that changes nothing leaves everything as it is.
  moveOver(cds, response('cluster', '3', staticCluster('origin', b), staticCluster('more', a)))
  await proxy.untilStat(`${CDS}.update_success`, 3)
  assert.equal((await proxy.stats('cluster_manager.cluster_modified')).get('cluster_manager.cluster_modified'), 1)
  // What makes no sense is refused, and what stands beside it is applied.
  moveOver(cds, response('cluster', '4', { name: 'bad', type: 'EDS' }, staticCluster('origin', a)))
  await proxy.untilStat(`${CDS}.update_rejected`, 1)
  assert.match(proxy.log, /cluster\(s\) bad: .*cannot create an EDS cluster without an EDS config/)
  await until(port, '200 0')
  assert.equal((await proxy.stats('cluster_manager.cluster_removed')).get('cluster_manager.cluster_removed'), 1)
  // A field that breaks a rule spoils the whole.
  moveOver(cds, response('cluster', '5', { name: '' }, staticCluster('origin', b)))
  await proxy.untilStat(`${CDS}.update_rejected`, 2)
  assert.deepEqual(await answers(port, 4), new Set(['200 0']))
  moveOver(lds, response('listener', '2'))
  await proxy.untilStat(`${LDS}.update_success`, 2)
  assert.equal(await ask(port), 'ECONNREFUSED')
})

test('listeners open, change and close; their routes and the hosts of their clusters come from files too', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [first, second, third] = (await freePorts(3)) as [number, number, number]
  const { proxy, cds, lds, folder } = await start(t, [staticCluster('origin', a)], [httpListener({ port: first })])
  assert.equal(await ask(first), '200 0')
  const [eds, rds] = [join(folder, 'eds.json'), join(folder, 'rds.json')]
  moveOver(eds, response('endpoints', '1', assignment('late', b)))
  const late = { name: 'late', type: 'EDS', eds_cluster_config: { eds_config: fromFile(eds) } }
  moveOver(cds, response('cluster', '2', staticCluster('origin', a), late))
  const all = { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'late' } }] }
  moveOver(rds, response('routes', '1', { name: 'web', virtual_hosts: [all] }))
  const hcm = { route_config: undefined, rds: { route_config_name: 'web', config_source: fromFile(rds) } }
  const discovered = httpListener({ port: second, hcm })
  moveOver(lds, response('listener', '2', httpListener({ port: first }), discovered))
  await proxy.untilStat(`${LDS}.update_success`, 2)
  await until(second, '200 1')
  moveOver(eds, response('endpoints', '2', assignment('late', a)))
  await until(second, '200 0')
  const missing = { route_config: undefined, rds: { route_config_name: 'x', config_source: fromFile(`${rds}.none`) } }
  moveOver(lds, response('listener', '3', discovered, httpListener({ port: third, hcm: missing })))
  await proxy.untilStat(`${LDS}.update_rejected`, 1)
  assert.match(proxy.log, /does not exist/)
  assert.deepEqual([await ask(first), await ask(second)], ['ECONNREFUSED', '200 0'])
  const dumped = await dump(proxy, 'resource=dynamic_listeners')
  assert.deepEqual(
    dumped.map(item => [item['name'], item['active_state']?.['version_info']]),
    [
      [`http_${second}`, '2'],
      [`http_${third}`, undefined],
    ],
  )
  // The table goes with the last listener that asks for it.
  moveOver(lds, response('listener', '4', httpListener({ port: third })))
  await until(third, '200 0')
  assert.deepEqual(await dump(proxy, 'resource=dynamic_route_configs&name_regex=web'), [])
})

test('a file that is not there, and ADS that is nowhere, are refused at the start', async () => {
  const start = (dynamic_resources: object) => ProxyProcess.start(bootstrap([], [], { dynamic_resources }))
  await assert.rejects(start({ cds_config: fromFile('/nowhere/cds.yaml') }), /'\/nowhere\/cds\.yaml' does not exist/)
  await assert.rejects(start({ lds_config: { ads: {} } }), /lds_config\.ads: nothing says where ADS is/)
})
