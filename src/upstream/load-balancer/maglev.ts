// HOT FILE (docs/hot-path.md): maglev hashing, the same table as Envoy's, entry for entry.
import { type Steps, sortInSteps, xxHash64Halves } from '../../base/index.ts'
import type { Host, MaglevPlace } from '../host.ts'
import { hashKeyOf, type WeightedHost } from './hash-weights.ts'
import type { HashPicker } from './load-balancer.ts'

const TWO_32 = 0x1_0000_0000

const halves = new Uint32Array(2)

/**
 * `value` mod `divisor` for whole numbers from 0 below 2^53. The operator on numbers beyond 31 bits is a call into the C library,
 * three times as slow; the quotient may be rounded to its neighbour, hence the corrections.
 */
function modulo(value: number, divisor: number): number {
  const rest = value - Math.floor(value / divisor) * divisor
  return rest < 0 ? rest + divisor : rest >= divisor ? rest - divisor : rest
}

/** (high * 2^32 + low) mod `divisor`, for divisors below 2^26; `wrap`: 2^32 mod `divisor`. */
function remainder(high: number, low: number, divisor: number, wrap: number): number {
  return modulo(modulo(high, divisor) * wrap + low, divisor)
}

function hashModulo(key: string, seed: number, divisor: number): number {
  xxHash64Halves(key, seed, halves, 0)
  return remainder(halves[1] as number, halves[0] as number, divisor, TWO_32 % divisor)
}

/**
 * Where tables of this size place the host; kept with it. Hashing is the dear part of a table over hosts that are all new, so
 * a cluster asks for this host by host, as they come.
 */
export function maglevPlace(host: Host, tableSize: number, useHostname: boolean): MaglevPlace {
  const known = host.maglev
  const key = hashKeyOf(host, useHostname)
  if (known !== null && known.tableSize === tableSize && known.key === key) return known
  const skip = hashModulo(key, 1, tableSize - 1) + 1
  const place = { tableSize, key, offset: hashModulo(key, 0, tableSize), skip }
  host.maglev = place
  return place
}

interface Placed extends WeightedHost {
  readonly place: MaglevPlace
}

const byKey = ({ place: a }: Placed, { place: b }: Placed): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)

/** How many hosts are looked at, or entries filled, in one step. */
const STEP = 1024

export function* buildMaglev(
  weighted: readonly WeightedHost[],
  tableSize: number,
  useHostname: boolean,
): Steps<Maglev> {
  const placed: Placed[] = []
  for (const { host, share } of weighted) {
    placed.push({ host, share, place: maglevPlace(host, tableSize, useHostname) })
    if (placed.length % STEP === 0) yield
  }
  // The table depends on the order of filling, which must not depend on the order of configuration.
  yield* sortInSteps(placed, byKey)
  // A single host needs one entry, and its gauges say so, as in Envoy.
  const filling = new Filling(placed, placed.length > 1 ? tableSize : placed.length)
  yield
  while (!filling.advance(STEP)) yield
  const least = filling.counts.reduce((fewest, count) => Math.min(fewest, count), tableSize)
  return new Maglev(
    placed.map(({ host }) => host),
    filling.table,
    placed.length === 0 ? 0 : least,
    filling.counts.reduce((most, count) => Math.max(most, count), 0),
  )
}

export class Maglev implements HashPicker {
  readonly minEntriesPerHost: number
  readonly maxEntriesPerHost: number
  private readonly hosts: readonly Host[]
  private readonly table: Int32Array
  private readonly wrap: number

  /** `table`: indexes into `hosts`. */
  constructor(hosts: readonly Host[], table: Int32Array, minEntriesPerHost: number, maxEntriesPerHost: number) {
    this.hosts = hosts
    this.table = table
    this.wrap = TWO_32 % table.length
    this.minEntriesPerHost = minEntriesPerHost
    this.maxEntriesPerHost = maxEntriesPerHost
  }

  pick(high: number, low: number, attempt: number): Host | null {
    const { table, wrap } = this
    const size = table.length
    if (size === 0) return null
    if (attempt === 0) return this.hosts[table[remainder(high, low, size, wrap)] as number] as Host
    // A rejected host is left behind by another hash, as Envoy derives it: xor with 2^64 - attempt.
    const at = remainder(~high >>> 0, (low ^ -attempt) >>> 0, size, wrap)
    return this.hosts[table[at] as number] as Host
  }
}

/** Hosts take turns at claiming the next free entry of their own permutation; light ones skip turns. */
class Filling {
  readonly table: Int32Array
  /** Entries by host. */
  readonly counts: Int32Array
  /** One bit per entry: most looks at the table find it taken, and these few bytes stay close to the processor. */
  private readonly taken: Int32Array
  private readonly shares: Float64Array
  private readonly targets: Float64Array
  private readonly skips: Int32Array
  /** Where in its permutation a host has come to. */
  private readonly places: Int32Array
  private readonly heaviest: number
  private iteration = 1
  private index = 0
  private filled = 0

  constructor(placed: readonly Placed[], tableSize: number) {
    const count = placed.length
    this.table = new Int32Array(tableSize)
    this.counts = new Int32Array(count)
    this.taken = new Int32Array((tableSize >> 5) + 1)
    this.shares = new Float64Array(count)
    this.targets = new Float64Array(count)
    this.skips = new Int32Array(count)
    this.places = new Int32Array(count)
    let heaviest = 0
    for (let index = 0; index < count; index++) {
      const { share, place } = placed[index] as Placed
      this.shares[index] = share
      this.skips[index] = place.skip
      this.places[index] = count > 1 ? place.offset : 0
      heaviest = Math.max(heaviest, share)
    }
    this.heaviest = heaviest
  }

  /** Goes on for `turns` turns of hosts, or fewer where free entries are hard to find; true when the table is full. */
  advance(turns: number): boolean {
    const { counts, shares, targets, heaviest, table } = this
    for (let left = turns * 4; left > 0; left--) {
      if (this.filled === table.length) return true
      const { index } = this
      if (++this.index === counts.length) {
        this.index = 0
        this.iteration++
      }
      // The turn belongs to the iteration that it began in.
      const iteration = this.index === 0 ? this.iteration - 1 : this.iteration
      if (iteration * (shares[index] as number) < (targets[index] as number)) continue
      targets[index]! += heaviest
      left -= this.claim(index)
    }
    return false
  }

  /** Returns how many entries it had to look at. */
  private claim(index: number): number {
    const { taken, table, counts, places } = this
    const size = table.length
    const skip = this.skips[index] as number
    let at = places[index] as number
    let looks = 1
    while ((((taken[at >> 5] as number) >>> (at & 31)) & 1) === 1) {
      at += skip
      if (at >= size) at -= size
      looks++
    }
    taken[at >> 5]! |= 1 << (at & 31)
    table[at] = index
    at += skip
    places[index] = at >= size ? at - size : at
    counts[index]! += 1
    this.filled++
    return looks
  }
}
