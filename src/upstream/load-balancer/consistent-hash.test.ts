import assert from 'node:assert/strict'
import { test } from 'node:test'
import { xxHash64 } from '../../base/index.ts'
import type { Host } from '../host.ts'
import { seededRandom, testHost } from '../testing.ts'
import { hostShares } from './hash-weights.ts'
import type { HostPicker, LoadBalancerContext } from './load-balancer.ts'
import { Maglev } from './maglev.ts'
import { murmurHash2 } from './murmur-hash2.ts'
import { RingHash } from './ring-hash.ts'

const RING = { hashFunction: 'XX_HASH', minimumRingSize: 1024, maximumRingSize: 8_388_608, useHostname: false } as const
const random = seededRandom(1)

function withHash(hash: bigint | null): LoadBalancerContext {
  return { hash, metadataMatch: null, hostSelectionAttempts: 0, shouldSelectAnother: () => false }
}

function hostsOf(prefix: string): Host[] {
  return [1, 2, 3, 4, 5].map(last => testHost({ address: `${prefix}.${last}`, port: 26900 }))
}

function mapOf(picker: HostPicker, hosts: readonly Host[], keys = 64): string {
  return Array.from({ length: keys }, (_, index) =>
    hosts.indexOf(picker.pick(withHash(xxHash64(`key-${index}`)), 0) as Host),
  ).join('')
}

test('the ring places every key where Envoy does', () => {
  const hosts = hostsOf('127.0.90')
  const ring = new RingHash(hostShares(hosts), RING, random)
  assert.equal(mapOf(ring, hosts), '0412010044204314430234340201342320243134244013313402010211222224')
  assert.deepEqual(ring.size, { size: 1025, minHashesPerHost: 205, maxHashesPerHost: 205 })
})

test('the maglev table places every key where Envoy does, whatever the order of the hosts', () => {
  const hosts = hostsOf('127.0.92')
  const expected = '4130014203041133323312122103302410111244011303204033443403313211'
  const table = new Maglev(hostShares(hosts), 65537, false, random)
  assert.equal(mapOf(table, hosts), expected)
  assert.deepEqual([table.minEntriesPerHost, table.maxEntriesPerHost], [13107, 13108])
  assert.equal(mapOf(new Maglev(hostShares([...hosts].reverse()), 65537, false, random), hosts), expected)
})

test('maglev entries follow the weights', () => {
  const hosts = [testHost({ port: 1, weight: 1 }), testHost({ port: 2, weight: 2 })]
  const table = new Maglev(hostShares(hosts), 65537, false, random)
  assert.deepEqual([table.minEntriesPerHost, table.maxEntriesPerHost], [21846, 43691])
})

test('without one host the others keep nearly all of their keys', () => {
  const hosts = hostsOf('127.0.92')
  const all = new Maglev(hostShares(hosts), 65537, false, random)
  const fewer = new Maglev(hostShares(hosts.slice(0, 4)), 65537, false, random)
  const ring = new RingHash(hostShares(hosts), RING, random)
  const fewerRing = new RingHash(hostShares(hosts.slice(0, 4)), RING, random)
  let moved = 0
  let movedOnRing = 0
  for (let key = 0; key < 1000; key++) {
    const context = withHash(xxHash64(`key-${key}`))
    const before = all.pick(context, 0)
    if (before !== hosts[4] && fewer.pick(context, 0) !== before) moved++
    const onRing = ring.pick(context, 0)
    if (onRing !== hosts[4] && fewerRing.pick(context, 0) !== onRing) movedOnRing++
  }
  assert.ok(moved < 30, `${moved} of 1000 keys moved in the table`)
  // Four hosts get more points each than five do, and the new points take keys over.
  assert.ok(movedOnRing < 250, `${movedOnRing} of 1000 keys moved on the ring`)
})

test('a request without a hash goes anywhere; a rejected pick goes on', () => {
  const hosts = hostsOf('127.0.90')
  for (const picker of [
    new RingHash(hostShares(hosts), RING, random),
    new Maglev(hostShares(hosts), 65537, false, random),
  ]) {
    const seen = new Set<Host>()
    for (let i = 0; i < 200; i++) seen.add(picker.pick(withHash(null), 0))
    assert.equal(seen.size, 5)
    const context = withHash(xxHash64('key-0'))
    const tried = new Set(Array.from({ length: 20 }, (_, attempt) => picker.pick(context, attempt)))
    assert.ok(tried.size > 1)
  }
})

test('weights and metadata hash keys shape the ring', () => {
  const named = testHost({ port: 1, weight: 3, metadata: { 'envoy.lb': { hash_key: 'blue' } } })
  const ring = new RingHash(hostShares([named, testHost({ port: 2 })]), RING, random)
  assert.deepEqual(ring.size, { size: 1024, minHashesPerHost: 256, maxHashesPerHost: 768 })
  const moved = testHost({ port: 9, weight: 3, metadata: { 'envoy.lb': { hash_key: 'blue' } } })
  const other = new RingHash(hostShares([moved, testHost({ port: 2 })]), RING, random)
  for (let key = 0; key < 100; key++) {
    const context = withHash(xxHash64(`key-${key}`))
    assert.equal(ring.pick(context, 0) === named, other.pick(context, 0) === moved)
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
