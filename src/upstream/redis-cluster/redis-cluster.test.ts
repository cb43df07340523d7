import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect, ipAddress } from '../../net/index.ts'
import { parseValue } from '../../net/resp/index.ts'
import { testThread } from '../../net/testing.ts'
import { LoadBalancerContext, type RedisReadPolicy } from '../load-balancer/load-balancer.ts'
import { RedisSlotsBalancer } from '../load-balancer/redis-slots.ts'
import { compileForTest, testHost } from '../testing.ts'
import { RedisCluster } from './redis-cluster.ts'
import { heldSlots, readSlots, type SlotRange } from './slots.ts'

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const list = (...items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`
const node = (host: string, port: number): string => list(bulk(host), `:${port}\r\n`, bulk('id'), list())
const slots = (first: number, last: number, ...nodes: readonly string[]): string =>
  list(`:${first}\r\n`, `:${last}\r\n`, ...nodes)
const read = (text: string) => readSlots(parseValue(Buffer.from(text), 0), '10.0.0.9')

test('shards and their hosts are read, the first of them the primary', () => {
  const [a, b, c] = [node('10.0.0.1', 1), node('', 2), node('::1', 3)] as const
  const found = read(list(slots(0, 5, a, b), slots(6, 9, c), slots(10, 16383, a, b)))
  assert.ok(typeof found !== 'string')
  const shown = found.map(({ endpoint, metadata }) => [
    endpoint?.address?.socketAddress?.address,
    endpoint?.address?.socketAddress?.portValue,
    metadata?.filterMetadata?.['envoy.clusters.redis'],
  ])
  const ranges = [
    [0, 5],
    [10, 16383],
  ]
  assert.deepEqual(shown, [
    ['10.0.0.1', 1, { replica: false, shard: 0, ranges }],
    ['10.0.0.9', 2, { replica: true, shard: 0, ranges }],
    ['::1', 3, { replica: false, shard: 1, ranges: [[6, 9]] }],
  ])
  assert.deepEqual(read('*0\r\n'), [])
})

test('what is no list of slots is told', () => {
  const bad = ['-ERR This instance has cluster support disabled\r\n', '+OK\r\n', '$-1\r\n', '*1\r\n:1\r\n']
  for (const text of bad) assert.equal(typeof read(text), 'string', text)
  const a = node('10.0.0.1', 1)
  for (const range of [
    slots(0, 16384, a),
    slots(5, 4, a),
    slots(-1, 4, a),
    slots(0, 1),
    slots(0, 1, node('host.test', 1)),
  ]) {
    assert.equal(read(list(range)), 'it has slots without a host', JSON.stringify(range))
  }
})

class KeyOf extends LoadBalancerContext {
  private readonly slot: number
  private readonly policy: RedisReadPolicy

  constructor(slot: number, policy: RedisReadPolicy) {
    super()
    this.slot = slot
    this.policy = policy
  }

  override get redisSlot(): number {
    return this.slot
  }

  override get redisReadPolicy(): RedisReadPolicy {
    return this.policy
  }
}

test('the shard of the slot answers, by the host that the policy asks for', () => {
  const host = (port: number, shard: number, replica: boolean, ranges: SlotRange[], health?: 'UNHEALTHY') =>
    testHost({ port, metadata: { 'envoy.clusters.redis': { replica, shard, ranges } }, ...(health && { health }) })
  const first: SlotRange[] = [
    [0, 10],
    [20, 30],
  ]
  const picked = (slot: number, policy: RedisReadPolicy, down: readonly number[] = []): string => {
    const up = (port: number) => (down.includes(port) ? ('UNHEALTHY' as const) : undefined)
    const hosts = [
      host(1, 0, false, first, up(1)),
      host(2, 0, true, first, up(2)),
      host(3, 0, true, first, up(3)),
      host(4, 1, false, [[11, 19]], up(4)),
    ]
    let draw = 0
    const set = { priorities: [{ hosts }] } as never
    const balancer = new RedisSlotsBalancer(set, () => (draw = (draw + 0.37) % 1))
    const ports = Array.from({ length: 50 }, () => balancer.chooseHost(new KeyOf(slot, policy))?.address.port ?? 0)
    return [...new Set(ports)].sort().join()
  }
  assert.equal(picked(0, 'MASTER'), '1')
  assert.equal(picked(30, 'MASTER', [1]), '1')
  assert.equal(picked(15, 'MASTER'), '4')
  assert.equal(picked(31, 'MASTER'), '0')
  assert.equal(picked(-1, 'MASTER'), '1,4')
  assert.equal(picked(5, 'PREFER_MASTER'), '1')
  assert.equal(picked(5, 'PREFER_MASTER', [1]), '2,3')
  assert.equal(picked(5, 'REPLICA'), '2,3')
  assert.equal(picked(5, 'REPLICA', [2]), '3')
  assert.equal(picked(5, 'REPLICA', [2, 3]), '2')
  assert.equal(picked(15, 'REPLICA'), '0')
  assert.equal(picked(15, 'PREFER_REPLICA'), '4')
  assert.equal(picked(5, 'PREFER_REPLICA', [2, 3]), '1')
  assert.equal(picked(5, 'ANY'), '1,2,3')
  assert.equal(picked(5, 'ANY', [1, 3]), '2')
  assert.equal(heldSlots(testHost({})), null)
})

/** A host that answers each question as it is told to. */
async function asked(t: TestContext, answer: (socket: Socket, question: string) => void) {
  const server = createServer(socket => {
    socket.on('error', () => undefined)
    socket.on('data', data => answer(socket, data.toString()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const thread = testThread()
  const timers: { ms: number; callback: () => void; cancelled: boolean }[] = []
  const told: string[] = []
  let wake: () => void = () => undefined
  const tell = (text: string): void => {
    told.push(text)
    wake()
  }
  const cluster = new RedisCluster(
    {
      endpoints: [
        { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } } }] },
      ],
    },
    'c',
    { refreshMs: 5000, timeoutMs: 3000 },
    {
      schedule: (ms, callback) => {
        const timer = { ms, callback, cancelled: false }
        timers.push(timer)
        return () => {
          timer.cancelled = true
        }
      },
      random: () => 0,
      connect: address => connect(thread, ipAddress(address.host, port)),
      credentials: () => ({ username: '', password: 'secret' }),
    },
    {
      onAttempt: () => tell('asks'),
      onUpdate: (kind, changed) => tell(`${kind} ${changed}`),
      onReady: () => tell('ready'),
    },
  )
  t.after(() => cluster.stop())
  const until = async (count: number): Promise<string> => {
    while (told.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      await promise
    }
    return told.join(', ')
  }
  const fire = (): void => timers.findLast(({ cancelled }) => !cancelled)!.callback()
  return { cluster, until, fire, timers }
}

test('hosts are asked, logged in at, and asked again; bad answers leave what is known', { timeout: 5000 }, async t => {
  const whole = list(slots(0, 16383, node('', 7000)))
  const answers = [`+OK\r\n${whole}`, `-WRONGPASS\r\n${whole}`, '+OK\r\n-LOADING\r\n', '\0', '', '+OK\r\n*0\r\n']
  let question = ''
  const { cluster, until, fire } = await asked(t, (socket, text) => {
    question = text
    const answer = answers.shift()!
    // In pieces, as it may come.
    if (answer === '') socket.destroy()
    else for (const byte of answer) socket.write(byte)
  })
  cluster.start()
  assert.equal(await until(3), 'asks, success true, ready')
  assert.equal(question, '*2\r\n$4\r\nauth\r\n$6\r\nsecret\r\n*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n')
  const ports = () =>
    cluster.assignment().endpoints?.[0]?.lbEndpoints?.map(one => one.endpoint?.address?.socketAddress?.portValue)
  assert.deepEqual(ports(), [7000])
  const expected = ['success false', 'failure false', 'failure false', 'failure false', 'success true']
  for (const [i, what] of expected.entries()) {
    fire()
    const all = await until(5 + 2 * i)
    assert.ok(all.endsWith(`asks, ${what}`), all)
  }
  assert.deepEqual(ports(), [])
})

test('a host that is silent is given up', { timeout: 5000 }, async t => {
  const heard = Promise.withResolvers<void>()
  const { cluster, until, fire, timers } = await asked(t, () => heard.resolve())
  cluster.start()
  await heard.promise
  assert.equal(timers[0]!.ms, 3000)
  fire()
  assert.equal(await until(3), 'asks, failure false, ready')
  assert.equal(timers[1]!.ms, 5000)
})

test('the cluster brings its own policy, and nothing else', () => {
  const type = 'type.googleapis.com/envoy.extensions.clusters.redis.v3.RedisClusterConfig'
  const cluster = { name: 'c', clusterType: { name: 'envoy.clusters.redis', typedConfig: { '@type': type } } } as const
  const { plan, problems } = compileForTest({ ...cluster, lbPolicy: 'CLUSTER_PROVIDED' } as never)
  assert.deepEqual(
    [problems, plan.balancer.kind, plan.redisCluster],
    [[], 'redis_slots', { refreshMs: 5000, timeoutMs: 3000 }],
  )
  assert.equal(compileForTest({ ...cluster, lbPolicy: 'MAGLEV' } as never).problems.length, 1)
})
