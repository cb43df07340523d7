import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atOnce, xxHash64Halves } from '../../base/index.ts'
import type { RingHashPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import { HOST_RQ_ACTIVE } from '../stats.ts'
import { seededRandom, testHost } from '../testing.ts'
import { BoundedLoad } from './bounded-load.ts'
import { hostShares, type WeightedHost } from './hash-weights.ts'
import type { HashPicker } from './load-balancer.ts'
import { buildMaglev, type Maglev } from './maglev.ts'
import { MersenneTwister } from './mersenne-twister.ts'
import { murmurHash2 } from './murmur-hash2.ts'
import { buildRing, type RingHash } from './ring-hash.ts'
import { sortHashes } from './sort-hashes.ts'

const random = seededRandom(1)
const COMMON = { useHostname: false, hashBalanceFactor: 0, localityWeighted: false }
const RING: RingHashPlan = {
  kind: 'ring_hash',
  hashFunction: 'XX_HASH',
  minimumRingSize: 1024,
  maximumRingSize: 8_388_608,
  ...COMMON,
}

const ringOf = (weighted: readonly WeightedHost[], plan: RingHashPlan): RingHash => atOnce(buildRing(weighted, plan))
const maglevOf = (weighted: readonly WeightedHost[], size: number, byName: boolean): Maglev =>
  atOnce(buildMaglev(weighted, size, byName))

function hostsOf(prefix: string): Host[] {
  return [1, 2, 3, 4, 5].map(last => testHost({ address: `${prefix}.${last}`, port: 26900 }))
}

function pickFor(picker: HashPicker, key: string, attempt = 0): Host | null {
  const halves = new Uint32Array(2)
  xxHash64Halves(key, 0, halves, 0)
  return picker.pick(halves[1] as number, halves[0] as number, attempt)
}

function mapOf(picker: HashPicker, hosts: readonly Host[], keys = 64): string {
  return Array.from({ length: keys }, (_, index) => hosts.indexOf(pickFor(picker, `key-${index}`) as Host)).join('')
}

test('the ring places every key where Envoy does', () => {
  const hosts = hostsOf('127.0.90')
  const ring = ringOf(hostShares(hosts), RING)
  assert.equal(mapOf(ring, hosts), '0412010044204314430234340201342320243134244013313402010211222224')
  assert.deepEqual(ring.size, { size: 1025, minHashesPerHost: 205, maxHashesPerHost: 205 })
})

test('the maglev table places every key where Envoy does, whatever the order of the hosts', () => {
  const hosts = hostsOf('127.0.92')
  const expected = '4130014203041133323312122103302410111244011303204033443403313211'
  const table = maglevOf(hostShares(hosts), 65537, false)
  assert.equal(mapOf(table, hosts), expected)
  assert.deepEqual([table.minEntriesPerHost, table.maxEntriesPerHost], [13107, 13108])
  assert.equal(mapOf(maglevOf(hostShares([...hosts].reverse()), 65537, false), hosts), expected)
})

test('weights, murmur and small tables: every key where Envoy 1.40 puts it', () => {
  const weighted = (net: number, count: number, weight: (index: number) => number) =>
    Array.from({ length: count }, (_, index) =>
      testHost({ address: `127.0.${net}.${index + 1}`, port: 31900, weight: weight(index) }),
    )
  const ring = weighted(11, 7, index => 1 + 2 * index)
  assert.equal(
    mapOf(ringOf(hostShares(ring), RING), ring),
    '4516252366133655351535645146354663326656245454553266132666666343',
  )
  const murmur = weighted(12, 7, index => 1 + index)
  const plan = { ...RING, hashFunction: 'MURMUR_HASH_2', minimumRingSize: 2000 } as const
  assert.equal(
    mapOf(ringOf(hostShares(murmur), plan), murmur),
    '2252301543524416415356455453363535565222646564664450412453056464',
  )
  const table = weighted(13, 9, index => 1 + 3 * index)
  assert.equal(
    mapOf(maglevOf(hostShares(table), 65537, false), table),
    '4766755628677427358875688785456855784873786673837777484281745875',
  )
  const small = weighted(14, 9, index => 1 + 3 * index)
  assert.equal(
    mapOf(maglevOf(hostShares(small), 103, false), small),
    '2652747248758851703638883585727754558322442318846687466335836586',
  )
})

test('maglev entries follow the weights', () => {
  const hosts = [testHost({ port: 1, weight: 1 }), testHost({ port: 2, weight: 2 })]
  const table = maglevOf(hostShares(hosts), 65537, false)
  assert.deepEqual([table.minEntriesPerHost, table.maxEntriesPerHost], [21846, 43691])
})

test('without one host the others keep nearly all of their keys', () => {
  const hosts = hostsOf('127.0.92')
  const all = maglevOf(hostShares(hosts), 65537, false)
  const fewer = maglevOf(hostShares(hosts.slice(0, 4)), 65537, false)
  const ring = ringOf(hostShares(hosts), RING)
  const fewerRing = ringOf(hostShares(hosts.slice(0, 4)), RING)
  let moved = 0
  let movedOnRing = 0
  for (let key = 0; key < 1000; key++) {
    const text = `key-${key}`
    const before = pickFor(all, text)
    if (before !== hosts[4] && pickFor(fewer, text) !== before) moved++
    const onRing = pickFor(ring, text)
    if (onRing !== hosts[4] && pickFor(fewerRing, text) !== onRing) movedOnRing++
  }
  assert.ok(moved < 30, `${moved} of 1000 keys moved in the table`)
  // Four hosts get more points each than five do, and the new points take keys over.
  assert.ok(movedOnRing < 250, `${movedOnRing} of 1000 keys moved on the ring`)
})

test('a rejected pick goes on, a list without hosts yields none', () => {
  const hosts = hostsOf('127.0.90')
  const pickers = (list: Host[]) => [ringOf(hostShares(list), RING), maglevOf(hostShares(list), 65537, false)]
  for (const picker of pickers(hosts)) {
    const tried = new Set(Array.from({ length: 20 }, (_, attempt) => pickFor(picker, 'key-0', attempt)))
    assert.ok(tried.size > 1)
  }
  for (const picker of pickers([])) assert.equal(pickFor(picker, 'key-0'), null)
})

test('many hashes are sorted as few are', () => {
  for (const count of [1, 2, 1000, 20_000]) {
    const hashes = Uint32Array.from({ length: 2 * count }, () => random() * (random() < 0.5 ? 16 : 2 ** 32))
    const key = (index: number): bigint => (BigInt(hashes[2 * index + 1]!) << 32n) | BigInt(hashes[2 * index]!)
    const order = atOnce(sortHashes(hashes))
    assert.equal(new Set(order).size, count)
    for (let at = 1; at < count; at++) {
      const [before, after] = [order[at - 1]!, order[at]!]
      assert.ok(key(before) < key(after) || (key(before) === key(after) && before < after))
    }
  }
})

test('weights and metadata hash keys shape the ring', () => {
  const named = testHost({ port: 1, weight: 3, metadata: { 'envoy.lb': { hash_key: 'blue' } } })
  const ring = ringOf(hostShares([named, testHost({ port: 2 })]), RING)
  assert.deepEqual(ring.size, { size: 1024, minHashesPerHost: 256, maxHashesPerHost: 768 })
  const moved = testHost({ port: 9, weight: 3, metadata: { 'envoy.lb': { hash_key: 'blue' } } })
  const other = ringOf(hostShares([moved, testHost({ port: 2 })]), RING)
  for (let key = 0; key < 100; key++) {
    const text = `key-${key}`
    assert.equal(pickFor(ring, text) === named, pickFor(other, text) === moved)
  }
})

test('murmur hash 2 is that of libstdc++', () => {
  // What std::hash<std::string> of libstdc++ returns on a 64-bit machine.
  const vectors: [string, bigint][] = [
    ['a', 4993892634952068459n],
    ['abcdefgh', 8664279048047335611n],
    ['127.0.0.1:80_0', 17613279263364193813n],
    ['abcdefghijklmnopqrstuvwxyz', 9979622261905367491n],
  ]
  for (const [text, hash] of vectors) assert.equal(murmurHash2(text), hash, text)
})

test('the Mersenne twister is that of C++', () => {
  const twister = new MersenneTwister()
  twister.seed(5489)
  assert.equal(twister.next(), 3499211612)
  // The standard asks for the 10,000th number.
  for (let i = 2; i < 10_000; i++) twister.next()
  assert.equal(twister.next(), 4123659995)
})

test('bounded load: a host that has its part passes requests on, always to the same host for the same hash', () => {
  const hosts = hostsOf('127.0.90')
  const weighted = hostShares(hosts)
  let active = 0
  const bounded = new BoundedLoad(ringOf(weighted, RING), 150, weighted, () => active)
  const [home] = [pickFor(bounded, 'key-3')] as [Host]
  active = 10
  // 11 requests times 1.5 over 5 hosts: 4 each.
  home.cells[HOST_RQ_ACTIVE] = 4
  assert.equal(pickFor(bounded, 'key-3'), home)
  home.cells[HOST_RQ_ACTIVE] = 5
  const second = pickFor(bounded, 'key-3') as Host
  assert.notEqual(second, home)
  for (let i = 0; i < 5; i++) assert.equal(pickFor(bounded, 'key-3'), second)
  second.cells[HOST_RQ_ACTIVE] = 5
  const third = pickFor(bounded, 'key-3') as Host
  assert.ok(third !== home && third !== second)
  for (const host of hosts) host.cells[HOST_RQ_ACTIVE] = 9
  third.cells[HOST_RQ_ACTIVE] = 6
  assert.equal(pickFor(bounded, 'key-3'), third, 'all are full: the least overloaded one')
})
