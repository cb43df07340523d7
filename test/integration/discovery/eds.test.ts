import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess } from '../../harness/index.ts'
import { answers, ask, assignment, dump, fromFile, load, moveOver, origins, response, testFolder } from './kit.ts'

async function start(t: TestContext, source: object, cluster: object = {}) {
  const [port] = (await freePorts(1)) as [number]
  const eds = {
    name: 'origin',
    type: 'EDS',
    connect_timeout: '1s',
    eds_cluster_config: { eds_config: source, service_name: 'service' },
    ...cluster,
  }
  // Two workers: each of them must hear of it.
  const proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [eds]), { concurrency: 2 })
  t.after(() => proxy[Symbol.asyncDispose]())
  const stat = async (name: string) => (await proxy.stats(`cluster.origin.${name}`)).get(`cluster.origin.${name}`)
  return { port, proxy, stat }
}

test('hosts follow their file while requests are under way', async t => {
  const [a, b, c] = (await origins(t, 3)) as [number, number, number]
  const file = join(testFolder(t), 'eds.json')
  moveOver(file, response('endpoints', '1', assignment('service', a, b)))
  const { port, proxy, stat } = await start(t, fromFile(file))
  assert.deepEqual([...(await answers(port))].sort(), ['200 0', '200 1'])
  const stop = load(port)
  moveOver(file, response('endpoints', '2', assignment('service', b, c)))
  await proxy.untilStat('cluster.origin.update_success', 2)
  assert.deepEqual(await stop(), [])
  assert.deepEqual([...(await answers(port))].sort(), ['200 1', '200 2'])
  // The same hosts again: nothing is to be done.
  moveOver(file, response('endpoints', '3', assignment('service', b, c)))
  await proxy.untilStat('cluster.origin.update_no_rebuild', 1)
  assert.deepEqual(
    [await stat('update_attempt'), await stat('membership_change'), await stat('membership_total')],
    [3, 2, 2],
  )
  const text = await (await proxy.admin('/clusters')).text()
  assert.match(text, /origin::eds_service_name::service\n/)
  const [endpoints] = await dump(proxy, 'include_eds&resource=static_endpoint_configs')
  assert.equal(endpoints?.['endpoint_config']?.['cluster_name'], 'service')
})

test('what cannot be used is refused with its place, and the last good hosts serve', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const file = join(testFolder(t), 'eds.yaml')
  moveOver(file, response('endpoints', '1', assignment('service', a)))
  const { port, proxy, stat } = await start(t, fromFile(file))
  const good = JSON.stringify(response('endpoints', '2', assignment('service', a)))
  const refused: readonly (readonly [string, RegExp])[] = [
    [
      `version_info: "2"\nresources:\n- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\n  cluster_name: service\n  endpoints: "no"\n`,
      /eds\.yaml:5:\d+: resources\[0\]\.endpoints/,
    ],
    [good.replace('service', 'other'), /Unexpected EDS cluster \(expecting service\): other/],
    [JSON.stringify(response('endpoints', '2', assignment('service', a), assignment('x'))), /resource length: 2/],
    [good.replace('127.0.0.1', 'localhost'), /'localhost' is not an IP address/],
    [
      good.replace('endpoint.v3.ClusterLoadAssignment', 'cluster.v3.Cluster').replace('cluster_name', 'name'),
      /endpoints/,
    ],
  ]
  for (const [i, [content, reason]] of refused.entries()) {
    moveOver(file, content)
    await proxy.untilStat('cluster.origin.update_rejected', i + 1)
    assert.match(proxy.log, reason)
  }
  moveOver(file, 'resources: [')
  await proxy.untilStat('cluster.origin.update_failure', 1)
  assert.deepEqual(await answers(port, 4), new Set(['200 0']))
  moveOver(file, { version_info: '9' })
  await proxy.untilStat('cluster.origin.update_empty', 1)
  assert.equal(await ask(port), '200 0')
  moveOver(file, good)
  await proxy.untilStat('cluster.origin.update_success', 3)
  assert.equal(await stat('update_attempt'), 9)
})

test('one resource alone, in YAML, written in place; no hosts at all', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const file = join(testFolder(t), 'hosts.yaml')
  const yaml = (port: number) =>
    `cluster_name: service\nendpoints:\n- lb_endpoints:\n  - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}\n`
  writeFileSync(file, yaml(a))
  const { port, proxy } = await start(t, { path: file })
  assert.equal(await ask(port), '200 0')
  writeFileSync(file, yaml(b))
  await proxy.untilStat('cluster.origin.update_success', 2)
  assert.deepEqual(await answers(port, 4), new Set(['200 1']))
  moveOver(file, 'cluster_name: service\n')
  await proxy.untilStat('cluster.origin.membership_total', 0)
  assert.equal(await ask(port), '503 no healthy upstream')
})

test('a link that is swapped, as mounted volumes do it', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const folder = testFolder(t)
  const version = (name: string, port: number): void => {
    mkdirSync(join(folder, name))
    moveOver(join(folder, name, 'eds.json'), response('endpoints', name, assignment('service', port)))
    symlinkSync(name, join(folder, 'next'))
    renameSync(join(folder, 'next'), join(folder, '..data'))
  }
  version('v1', a)
  symlinkSync('..data/eds.json', join(folder, 'eds.json'))
  const path_config_source = { path: join(folder, 'eds.json'), watched_directory: { path: folder } }
  const { port, proxy } = await start(t, { path_config_source })
  assert.equal(await ask(port), '200 0')
  version('v2', b)
  await proxy.untilStat('cluster.origin.update_success', 2)
  assert.deepEqual(await answers(port, 4), new Set(['200 1']))
})

test('hosts that nobody confirms in time are given up', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const file = join(testFolder(t), 'eds.json')
  const aging = { ...assignment('service', a), policy: { endpoint_stale_after: '0.3s' } }
  moveOver(file, response('endpoints', '1', aging))
  const { port, proxy, stat } = await start(t, fromFile(file))
  await proxy.untilStat('cluster.origin.assignment_stale', 1)
  assert.deepEqual([await stat('assignment_timeout_received'), await stat('membership_total')], [1, 0])
  assert.equal(await ask(port), '503 no healthy upstream')
  moveOver(file, response('endpoints', '2', assignment('service', a)))
  await proxy.untilStat('cluster.origin.membership_total', 1)
  assert.equal(await ask(port), '200 0')
})

test('a broken file at the start keeps nobody from serving', async t => {
  const [a] = (await origins(t, 1)) as [number]
  const file = join(testFolder(t), 'eds.json')
  moveOver(file, 'nothing of the kind')
  const { port, proxy } = await start(t, fromFile(file))
  assert.equal(await ask(port), '503 no healthy upstream')
  moveOver(file, response('endpoints', '1', { ...assignment('service', a), unheard_of: 1 }))
  await proxy.untilStat('cluster.origin.membership_total', 1)
  assert.equal(await ask(port), '200 0')
  assert.match(proxy.log, /unheard_of/)
  await proxy.untilStat('server.dynamic_unknown_fields', 1)
})
