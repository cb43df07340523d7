// A Redis Cluster behind redis_proxy: who has which keys is found out, and found out again when it changes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freePorts, RedisServer, staticCluster } from '../../harness/index.ts'
import { driver, type RunningRedisProxy, redisProxy } from './kit.ts'

let folder: string
const nodes: RedisServer[] = []

const cli = (port: number, ...args: readonly string[]): string =>
  execFileSync('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...args], { encoding: 'utf8' })

/** Asks again and again, within ten seconds. */
async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, what)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Of four hosts that know each other from the start: three primaries, and a replica of the first. */
function configuration(ports: readonly number[], buses: readonly number[], own: number): string {
  const id = (i: number): string => String(i + 1).repeat(40)
  const lines = ports.map((port, i) => {
    const flags = `${i === own ? 'myself,' : ''}${i === 3 ? `slave ${id(0)}` : 'master -'}`
    const slots = ['0-5499', '5500-10999', '11000-16383', ''][i]!
    return `${id(i)} 127.0.0.1:${port}@${buses[i]},,tls-port=0,shard-id=${id(i === 3 ? 0 : i)} ${flags} 0 0 ${i === 3 ? 1 : i + 1} connected ${slots}`
  })
  return [...lines, 'vars currentEpoch 3 lastVoteEpoch 0', ''].join('\n')
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'redis-cluster-'))
  const free = await freePorts(8)
  const [ports, buses] = [free.slice(0, 4), free.slice(4)]
  await Promise.all(
    ports.map(async (port, i) => {
      writeFileSync(join(folder, `${i}`), configuration(ports, buses, i))
      const places = ['--dir', folder, '--dbfilename', `${i}.rdb`, '--cluster-config-file', String(i)]
      const bus = ['--cluster-enabled', 'yes', '--cluster-port', String(buses[i]), '--cluster-node-timeout', '2000']
      const quick = ['--repl-diskless-sync-delay', '0']
      nodes[i] = await RedisServer.start([...places, ...bus, ...quick], port)
    }),
  )
  const stands = (port: number): boolean => cli(port, 'CLUSTER', 'INFO').includes('cluster_state:ok')
  await until(() => ports.every(stands), 'the cluster stands')
  await until(() => cli(ports[3]!, 'INFO', 'replication').includes('master_link_status:up'), 'the replica follows')
  // A replica that has got nothing yet is not told of.
  cli(ports[0]!, 'SET', '{06S}first', '1')
  const knows = (port: number): boolean => cli(port, 'CLUSTER', 'SLOTS').includes(`\n${ports[3]}\n`)
  await until(() => ports.every(knows), 'everybody knows the replica')
})

after(async () => {
  await Promise.all(nodes.map(node => node.kill()))
  rmSync(folder, { recursive: true, force: true })
})

const proxied = (settings: object): Promise<RunningRedisProxy> =>
  redisProxy({
    settings,
    clusters: [
      staticCluster('origin', nodes[1]!.port, {
        type: undefined,
        lb_policy: 'CLUSTER_PROVIDED',
        cluster_type: {
          name: 'envoy.clusters.redis',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.clusters.redis.v3.RedisClusterConfig',
            cluster_refresh_rate: '0.2s',
          },
        },
      }),
    ],
  })

test('each key goes to the host of its slot, and commands for all to every primary once', async () => {
  await using running = await proxied({})
  const client = await driver(running.port)
  await client.flushAll()
  const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`)
  await client.mSet(Object.fromEntries(keys.map(key => [key, key])))
  assert.deepEqual(await client.mGet(keys), keys)
  assert.deepEqual((await client.keys('*')).sort(), [...keys].sort())
  assert.match(await client.info('keyspace'), /db0:keys=60,/)
  assert.deepEqual(await client.multi().set('{tag}a', '1').get('{tag}a').exec(), ['OK', '1'])
  const counts = nodes.map(({ port }) => Number(cli(port, 'DBSIZE')))
  assert.ok(
    counts.slice(0, 3).every(count => count > 5),
    String(counts),
  )
  assert.equal(await running.stat('cluster.origin.membership_total'), 4)
  assert.equal(await client.flushAll(), 'OK')
  client.destroy()
})

test('replicas are read where the policy says so, and never written to', async () => {
  await using running = await proxied({ read_policy: 'REPLICA' })
  const client = await driver(running.port)
  // Slot 0, which the first primary has.
  await client.set('{06S}x', 'there')
  await until(async () => (await client.get('{06S}x')) === 'there', 'the replica has got it')
  assert.match(cli(nodes[3]!.port, 'INFO', 'commandstats'), /cmdstat_get:calls=[1-9]/)
  client.destroy()
})

test('what another host takes over goes there', async () => {
  await using running = await proxied({ enable_redirection: true })
  const client = await driver(running.port)
  await client.set('{06S}y', '1')
  cli(nodes[3]!.port, 'CLUSTER', 'FAILOVER', 'TAKEOVER')
  await until(async () => {
    await client.set('{06S}y', '2').catch(() => undefined)
    return cli(nodes[3]!.port, 'GET', '{06S}y').trim() === '2'
  }, 'the new primary has it')
  client.destroy()
})
