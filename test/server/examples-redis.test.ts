// examples/redis.yaml, and the bootstrap of the public example `redis` of Envoy, before real Redis servers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@redis/client'
import { freePorts, ProxyProcess, RedisServer } from '../harness/index.ts'
import { run } from './run-example.ts'

const client = async (port: number, options: object = {}) =>
  createClient({ RESP: 2, socket: { host: '127.0.0.1', port, reconnectStrategy: false }, ...options }).connect()

test('redis', async () => {
  const servers = await Promise.all([1, 2, 3].map(() => RedisServer.start()))
  const [one, two, three] = servers.map(({ port }) => port) as [number, number, number]
  const { port, stop } = await run('redis.yaml', { origins: { 9001: one, 9002: two, 9003: three } })
  await assert.rejects(client(port, { password: 'wrong' }), /invalid password|WRONGPASS/)
  const redis = await client(port, { password: 'letmein' })
  for (let i = 0; i < 100; i++) await redis.set(`key-${i}`, String(i))
  await redis.set('session:ann', 'here')
  assert.equal(await redis.get('session:ann'), 'here')
  redis.destroy()
  const direct = await Promise.all(servers.map(server => client(server.port)))
  const counts = await Promise.all(direct.map(each => each.dbSize()))
  assert.ok(counts[0]! > 20 && counts[1]! > 20 && counts[0]! + counts[1]! === 100, String(counts))
  assert.deepEqual(await direct[2]!.keys('*'), ['ann'])
  for (const each of direct) each.destroy()
  await stop()
  await Promise.all(servers.map(server => server.kill()))
})

test("Envoy's own example", async () => {
  const server = await RedisServer.start()
  const [port] = (await freePorts(1)) as [number]
  const address = (host: string, portValue: number) => ({ socket_address: { address: host, port_value: portValue } })
  const config = {
    static_resources: {
      listeners: [
        {
          name: 'redis_listener',
          address: address('0.0.0.0', port),
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.redis_proxy',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy',
                    stat_prefix: 'egress_redis',
                    settings: { op_timeout: '5s' },
                    prefix_routes: { catch_all_route: { cluster: 'redis_cluster' } },
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'redis_cluster',
          type: 'STRICT_DNS',
          lb_policy: 'MAGLEV',
          load_assignment: {
            cluster_name: 'redis_cluster',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address('localhost', server.port) } }] }],
          },
        },
      ],
    },
  }
  const proxy = await ProxyProcess.start(config)
  const redis = await client(port)
  // As its verify.sh does.
  for (const name of ['foo', 'bar']) {
    await redis.set(name, name)
    assert.equal(await redis.get(name), name)
  }
  assert.ok(((await proxy.stats('egress_redis')).get('redis.egress_redis.command.set.total') ?? 0) >= 2)
  redis.destroy()
  await proxy.stop()
  await server.kill()
})
