import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  array,
  bulkString,
  encodeValue,
  errorValue,
  integer,
  type RespValue,
  simpleString,
} from '../../../net/resp/index.ts'
import { testThread } from '../../../net/testing.ts'
import { CommandTable } from './command-table.ts'
import { COMMANDS, IN_TRANSACTION, NO_ARGUMENTS, WRITES } from './commands.ts'
import { Faults } from './faults.ts'
import type { RoutePlan } from './redis-proxy-plan.ts'
import { Routes } from './routes.ts'
import { aggregateOf } from './split/aggregates.ts'
import { KeyContext } from './upstream/key-context.ts'
import { PendingReplies } from './upstream/pending-replies.ts'
import { readRedirection, targetAddress } from './upstream/redirection.ts'
import type { RedisPool } from './upstream/redis-pool.ts'
import { NOBODY } from './upstream/reply-receiver.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

test('commands are found by name in any case, and only whole', () => {
  const table = new CommandTable(testThread(), 'redis.t.', false, ['my.own', 'get'])
  const find = (name: string): string | undefined => table.find(bytes(`<${name}>`), 1, 1 + name.length)?.name
  for (const name of COMMANDS.keys()) {
    assert.equal(find(name), name)
    assert.equal(find(name.toUpperCase()), name)
    assert.equal(find(`${name}x`), COMMANDS.has(`${name}x`) ? `${name}x` : undefined)
  }
  assert.equal(find('My.Own'), 'my.own')
  for (const name of ['', 'ge', 'g\0t', 'x'.repeat(1000), '[et']) assert.equal(find(name), undefined)
  assert.deepEqual(
    [table.get('get').reads, table.get('set').reads, table.get('info').needsArguments],
    [true, false, false],
  )
})

test('lists of commands name only those there are', () => {
  for (const name of [...WRITES, ...NO_ARGUMENTS, ...IN_TRANSACTION]) assert.ok(COMMANDS.has(name), name)
})

function routesOf(prefixes: readonly string[], catchAll: string | null, caseInsensitive = false): Routes {
  const plan = (prefix: string, cluster = prefix): RoutePlan => ({
    prefix,
    cluster,
    removePrefix: prefix.endsWith(':'),
    readCluster: '',
    mirrors: [],
    keyFormat: null,
  })
  const pools = new Map<string, RedisPool>()
  const poolOf = (clusterName: string): RedisPool => {
    const pool = pools.get(clusterName) ?? ({ clusterName } as RedisPool)
    pools.set(clusterName, pool)
    return pool
  }
  return new Routes(
    {
      statPrefix: 'r',
      settings: null as never,
      latencyInMicros: false,
      routes: prefixes.map(prefix => plan(prefix)),
      caseInsensitive,
      catchAll: catchAll === null ? null : plan('', catchAll),
      passwords: [],
      username: '',
      externalAuth: null,
      faults: [],
      customCommands: [],
    },
    poolOf,
  )
}

test('the longest prefix wins, and is cut off where that is asked for', () => {
  const command = new CommandTable(testThread(), 'redis.t.', false, []).get('get')
  const clusterOf = (routes: Routes, key: string): string | undefined =>
    routes.find(bytes(`#${key}#`), 1, 1 + key.length)?.poolFor(command).clusterName
  const routes = routesOf(['a', 'ab:', 'abc'], 'rest')
  const found = ['a', 'ax', 'ab', 'ab:', 'ab:x', 'abc', 'abcd', 'b', '', 'A'].map(key => clusterOf(routes, key))
  assert.deepEqual(found, ['a', 'a', 'a', 'ab:', 'ab:', 'abc', 'abc', 'rest', 'rest', 'rest'])
  const keyOf = (key: string): string =>
    routes
      .find(bytes(key), 0, key.length)!
      .keyOf(bytes(key), 0, key.length, null as never)
      .toString('latin1')
  assert.deepEqual(['ab:x', 'ab:', 'abc'].map(keyOf), ['x', '', 'abc'])
  assert.equal(clusterOf(routesOf(['a'], null), 'b'), undefined)
  assert.equal(clusterOf(routesOf(['', 'a'], 'rest'), 'b'), '')
  assert.equal(clusterOf(routesOf(['ab'], null, true), 'AbC'), 'ab')
})

test('a hash tag is what stands in the first pair of braces', () => {
  const hashOf = (key: string, tags = true): bigint => {
    const text = bytes(`{x}${key}{y}`)
    return new KeyContext(tags, 'MASTER').of(text, 3, 3 + key.length, true).hash
  }
  const plain = hashOf('u1', false)
  for (const key of ['{u1}a', 'a{u1}', '{u1}', '{u1}{v}', 'x{u1}}']) assert.equal(hashOf(key), plain, key)
  for (const key of ['{}u1', '{u1', 'u1}', '}{', 'a{}{u1}']) assert.equal(hashOf(key), hashOf(key, false), key)
})

test('pending replies come out in order, however many there are', () => {
  const pending = new PendingReplies()
  const expected: number[] = []
  const seen: number[] = []
  for (let i = 0; i < 20_000; i++) {
    pending.push(NOBODY, i, i * 2, `n${i}`, i % 3 === 0 ? bytes(String(i)) : null)
    expected.push(i)
    if (i % 4 !== 0) continue
    assert.equal(pending.shift(), NOBODY)
    seen.push(pending.index)
    assert.equal(pending.sentAtMs, pending.index * 2)
    assert.equal(pending.name, `n${pending.index}`)
    assert.equal(pending.request?.toString() ?? null, pending.index % 3 === 0 ? String(pending.index) : null)
  }
  while (pending.shift() !== null) seen.push(pending.index)
  assert.deepEqual(seen, expected)
  assert.equal(pending.size, 0)
})

test('redirections and their targets', () => {
  const read = (text: string) => readRedirection(bytes(`#-${text}\r\n#`), 1, text.length + 4)
  assert.deepEqual(read('MOVED 1 127.0.0.1:7'), { target: '127.0.0.1:7', ask: false })
  assert.deepEqual(read('ASK 1 [::1]:7'), { target: '[::1]:7', ask: true })
  assert.equal(read('CLUSTERDOWN Hash slot not served'), 'down')
  for (const text of ['MOVED 1', 'moved 1 x:1', 'MOVED 1 x:1 y', '', 'ERR']) assert.equal(read(text), null, text)
  assert.deepEqual(targetAddress('::1:7000'), { host: '::1', port: 7000 })
  assert.deepEqual(targetAddress('[::1]:7000'), { host: '::1', port: 7000 })
  for (const odd of ['', ':1', 'a:1', '1.2.3.4', '1.2.3.4:', '1.2.3.4:0', '1.2.3.4:65536', '1.2.3.4:x']) {
    assert.equal(targetAddress(odd), null, odd)
  }
})

test('replies of all hosts become one', () => {
  const tell = (command: string, subcommand: string, ...replies: RespValue[]): string =>
    encodeValue(aggregateOf(command, subcommand)!(replies), 2).trimEnd()
  const [ok, no] = [simpleString('OK'), errorValue('no')]
  assert.equal(tell('flushall', '', ok, ok), '+OK')
  assert.equal(tell('flushall', '', ok, simpleString('QUEUED')), '-all responses not same')
  assert.equal(tell('flushall', '', ok, no), '-no')
  assert.equal(tell('slowlog', 'len', integer(2), integer(3)), ':5')
  assert.equal(tell('keys', '*', array([ok]), array([ok, no])), '*3\r\n+OK\r\n+OK\r\n-no')
  assert.equal(tell('role', '', array([ok]), array([])), '*2\r\n*1\r\n+OK\r\n*0')
  assert.equal(tell('scan', '0', array([ok]), no, ok), '-finished with 2 error(s)')
  assert.equal(aggregateOf('config', 'foo'), null)
})

test('INFO of several hosts adds up, takes the largest or the first', () => {
  const info = (memory: number, uptime: number, keys: number): RespValue =>
    bulkString(
      `# Server\r\nredis_version:7.${uptime}\r\nuptime_in_seconds:${uptime}\r\nunknown:1\r\n\r\n# Memory\r\nused_memory:${memory}\r\n` +
        `used_memory_human:x\r\n\r\n# Keyspace\r\ndb0:keys=${keys},expires=1,avg_ttl=10\r\ndb1:keys=9\r\n`,
    )
  const whole = aggregateOf('info', '')!([info(1_000_000, 5, 2), info(600_000, 9, 3)]).text
  for (const line of [
    'redis_version:7.5',
    'redis_mode:cluster',
    'uptime_in_seconds:9',
    'used_memory:1600000',
    'used_memory_human:1.53M',
    'db0:keys=5,expires=2,avg_ttl=7',
  ]) {
    assert.ok(whole.includes(`\r\n${line}\r\n`), line)
  }
  assert.ok(!whole.includes('unknown') && !whole.includes('db1'))
  const memory = aggregateOf('info', 'memory')!([info(1, 1, 1)]).text
  assert.match(memory, /^# Memory\r\nused_memory:1\r\nused_memory_human:1B\r\n/)
  assert.ok(!memory.includes('# Server'))
})

test('one draw decides among faults, those of a command before those of all', () => {
  let draw = 0
  const thread = { ...testThread(), random: () => draw }
  const plan = { delayMs: 0, runtimeKey: '' }
  const faults = new Faults(
    [
      { ...plan, isError: false, percent: 10, commands: [] },
      { ...plan, isError: true, percent: 20, commands: ['get'] },
    ],
    thread,
  )
  const found = (command: string, at: number): string => {
    draw = at
    const fault = faults.of(command)
    return fault === null ? '-' : fault.isError ? 'error' : 'delay'
  }
  assert.deepEqual(
    [0.1, 0.19, 0.2, 0.29, 0.3].map(at => found('get', at)),
    ['error', 'error', 'delay', 'delay', '-'],
  )
  assert.deepEqual(
    [0.05, 0.1].map(at => found('set', at)),
    ['delay', '-'],
  )
})

test('slots of keys are those of a Redis Cluster', () => {
  const slotOf = (key: string): number => new KeyContext(false, 'MASTER').of(bytes(key), 0, key.length, true).redisSlot
  const known = { foo: 12182, bar: 5061, hello: 866, '{foo}x': 12182, 'x{}': slotOf('x{}'), '': 0, '123456789': 12739 }
  for (const [key, slot] of Object.entries(known)) assert.equal(slotOf(key), slot, key)
  assert.notEqual(slotOf('x{}'), slotOf('x'))
})
