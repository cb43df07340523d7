// Balancing through the whole proxy, what the bootstrap has to do with it included. Passes against a real Envoy too.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, socketAddress, staticCluster } from '../harness/index.ts'

const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'
const servers: Server[] = []
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
after(() => {
  agent.destroy()
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
})

/** One server behind every address of 127.0.0.0/8: it answers with the address it was called by. */
async function everywhere(): Promise<number> {
  const server = createServer((request, response) => {
    const address = request.socket.localAddress ?? ''
    const last = Number(address.split('.')[3])
    const failing = request.headers['x-fail'] === address
    response.setHeader('endpoint-load-metrics', `TEXT cpu_utilization=${last / 10},rps_fractional=100`)
    response.writeHead(failing ? 503 : 200).end(address)
  })
  servers.push(server)
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function request(port: number, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent, headers }, response => {
      let body = ''
      response.setEncoding('latin1').on('data', (piece: string) => {
        body += piece
      })
      response.on('end', () => resolve(response.statusCode === 200 ? body : String(response.statusCode)))
    }).on('error', reject)
  })
}

async function tally(port: number, count: number, headers: Record<string, string> = {}): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const answer = await request(port, headers)
    counts.set(answer, (counts.get(answer) ?? 0) + 1)
  }
  return counts
}

const endpoints = (port: number, addresses: readonly string[]) =>
  addresses.map(address => ({ endpoint: { address: socketAddress(port, address) } }))
const zone = (name: string, port: number, ...addresses: string[]) => ({
  locality: { zone: name },
  lb_endpoints: endpoints(port, addresses),
})
const cluster = (name: string, localities: readonly object[], extra: object = {}) =>
  staticCluster(name, 0, { load_assignment: { cluster_name: name, endpoints: localities }, ...extra })

test('zone aware routing: the bootstrap says where this proxy is and what its kind are', async () => {
  const origin = await everywhere()
  const [port] = (await freePorts(1)) as [number]
  const upstream = cluster('origin', [
    zone('a', origin, '127.0.1.1', '127.0.1.2'),
    zone('b', origin, ...[1, 2, 3, 4, 5, 6].map(last => `127.0.2.${last}`)),
  ])
  const local = cluster('me', [zone('a', 1, '127.0.3.1'), zone('b', 1, '127.0.3.2')])
  const config = bootstrap([httpListener({ port })], [upstream, local], {
    node: { id: 'n', cluster: 'n', locality: { zone: 'a' } },
    cluster_manager: { local_cluster_name: 'me' },
  })
  await using proxy = await ProxyProcess.start(config)
  const counts = await tally(port, 1000)
  const here = (counts.get('127.0.1.1') ?? 0) + (counts.get('127.0.1.2') ?? 0)
  // Half of the callers, a quarter of the hosts: half of this proxy's requests may stay.
  assert.ok(Math.abs(here - 500) < 80, `${here} of 1000 stayed`)
  const stats = await proxy.stats('')
  const stat = (name: string): number => stats.get(`cluster.origin.${name}`) as number
  assert.equal(stat('lb_zone_routing_sampled') + stat('lb_zone_routing_cross_zone'), 1000)
})

test('load reports of hosts become weights', async () => {
  const origin = await everywhere()
  const [port] = (await freePorts(1)) as [number]
  const typed_config = {
    '@type': `${POLICIES}.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin`,
    blackout_period: '0s',
    weight_update_period: '0.1s',
  }
  const load_balancing_policy = { policies: [{ typed_extension_config: { name: 'p', typed_config } }] }
  const hosts = endpoints(origin, ['127.0.4.1', '127.0.4.2', '127.0.4.4'])
  const config = bootstrap(
    [httpListener({ port })],
    [cluster('origin', [{ lb_endpoints: hosts }], { load_balancing_policy })],
  )
  await using _proxy = await ProxyProcess.start(config)
  // Utilization 0.1, 0.2 and 0.4 at the same rate: weights 4, 2, 1. They count from some request on.
  const shares = async () => {
    const counts = await tally(port, 70)
    return ['127.0.4.1', '127.0.4.2', '127.0.4.4'].map(address => counts.get(address) ?? 0)
  }
  let last = await shares()
  for (let round = 0; round < 100 && Math.abs((last[0] as number) - 40) > 1; round++) last = await shares()
  assert.ok(Math.abs((last[0] as number) - 40) <= 1 && Math.abs((last[1] as number) - 20) <= 1, String(last))
})

test('an aggregate cluster with previous_priorities: a retry goes to the next cluster, whose stats count it', async () => {
  const origin = await everywhere()
  const [port] = (await freePorts(1)) as [number]
  const aggregate = {
    name: 'origin',
    connect_timeout: '1s',
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.aggregate',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig',
        clusters: ['first', 'second'],
      },
    },
  }
  const priorities =
    'type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig'
  const retry_policy = {
    retry_on: '5xx',
    retry_priority: { name: 'p', typed_config: { '@type': priorities, update_frequency: 1 } },
  }
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'origin', retry_policy } }]
  const part = (name: string, address: string) => cluster(name, [{ lb_endpoints: endpoints(origin, [address]) }])
  const clusters = [aggregate, part('first', '127.0.5.1'), part('second', '127.0.5.2')]
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes })], clusters))
  assert.deepEqual(await tally(port, 5), new Map([['127.0.5.1', 5]]))
  assert.deepEqual(await tally(port, 10, { 'x-fail': '127.0.5.1' }), new Map([['127.0.5.2', 10]]))
  const stats = await proxy.stats('')
  assert.equal(stats.get('cluster.first.upstream_rq_total'), 15)
  assert.equal(stats.get('cluster.second.upstream_rq_total'), 10)
  assert.equal(stats.get('cluster.origin.upstream_rq_retry'), 10)
})
