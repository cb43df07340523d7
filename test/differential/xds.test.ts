// The same server of resources for a real Envoy and for this proxy: what each asks, counts and shows. Skipped where there is
// no Envoy: ENVOY names the binary.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { freePorts, staticCluster, type XdsKind, type XdsRequest } from '../harness/index.ts'
import { ask, assignment, dump, origins } from '../integration/discovery/kit.ts'
import { edsCluster, fromAds, rdsListener, startProxy, startServer, table } from '../integration/xds/kit.ts'

const ENVOY = process.env['ENVOY']
const COUNTED =
  /(update_(attempt|success|rejected)|config_reload|control_plane\.[a-z_]+|warming_clusters|cluster_(modified|removed)|init_fetch_timeout)$/
/** Of which Envoy counts one more in this form; and it counts clusters as added that it then refuses. */
const NOT_DELTA = 'cluster_manager.cds.update_attempt'

interface Seen {
  readonly answers: readonly string[]
  readonly requests: Readonly<Record<string, readonly string[]>>
  readonly stats: Record<string, number>
  readonly shapes: Readonly<Record<string, unknown>>
}

const said = ({ version, names, subscribe, unsubscribe, initialVersions, error }: XdsRequest): string =>
  JSON.stringify([version, [...names].sort(), [...subscribe].sort(), unsubscribe, initialVersions, error !== ''])

/** The form of a dump: names of fields, versions as they are. */
function shape(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return null
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== '@type')
      .map(([name, field]) => [name, name === 'version_info' ? field : /_state$/.test(name) ? shape(field) : null])
      .sort(),
  )
}

async function play(t: TestContext, binary: string | null, type: 'GRPC' | 'DELTA_GRPC'): Promise<Seen> {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  const answers: string[] = []
  server.set('cluster', '1', edsCluster('origin'))
  server.set('endpoints', '1', assignment('origin', a))
  server.set('listener', '1', rdsListener(port))
  server.set('routes', '1', table('r', 'origin'))
  const args = binary === null ? [] : ['--base-id', String(port), '--log-level', 'error']
  const proxy = await startProxy(t, server, { type, proxy: { binary, args, concurrency: 1 } })
  const settled = async (kind: XdsKind, count: number) => {
    await server.until(() => server.of(kind).length === count)
    answers.push(await ask(port))
  }
  await settled('routes', 2)
  server.set('endpoints', '2', assignment('origin', b))
  await settled('endpoints', 3)
  server.set('cluster', '2', edsCluster('origin'), staticCluster('other', a))
  await settled('cluster', 3)
  server.set('routes', '2', table('r', 'other'))
  await settled('routes', 3)
  server.set('cluster', '3', edsCluster('origin'), staticCluster('other', a), { name: 'bad', type: 'EDS' })
  await settled('cluster', 4)
  server.set('cluster', '4', edsCluster('origin', fromAds()), staticCluster('other', b))
  await settled('cluster', 5)
  const stats = [...(await proxy.stats('cds|lds|rds|cluster.origin.|control_plane|cluster_manager'))]
    .filter(([name]) => COUNTED.test(name))
    .map(([name, value]) => [name.replace(String(port), 'PORT'), value] as const)
  const kinds: readonly XdsKind[] = ['cluster', 'endpoints', 'listener', 'routes']
  return {
    answers,
    requests: Object.fromEntries(
      kinds.map(kind => [kind, server.of(kind).map(request => said(request).replaceAll(String(port), 'PORT'))]),
    ),
    stats: Object.fromEntries(stats),
    shapes: {
      clusters: (await dump(proxy, 'resource=dynamic_active_clusters')).map(shape),
      listeners: (await dump(proxy, 'resource=dynamic_listeners')).map(shape),
      routes: (await dump(proxy, 'resource=dynamic_route_configs')).map(shape),
      endpoints: (await dump(proxy, 'include_eds&resource=dynamic_endpoint_configs')).map(shape),
    },
  }
}

for (const type of ['GRPC', 'DELTA_GRPC'] as const) {
  test(`${type}: asked, counted and shown as by Envoy`, { skip: ENVOY === undefined ? 'no ENVOY' : false }, async t => {
    const envoy = await play(t, ENVOY as string, type)
    const ours = await play(t, null, type)
    if (type === 'DELTA_GRPC') delete envoy.stats[NOT_DELTA]
    const names = Object.keys(envoy.stats)
    assert.deepEqual({ ...ours, stats: Object.fromEntries(names.map(name => [name, ours.stats[name]])) }, envoy)
  })
}
