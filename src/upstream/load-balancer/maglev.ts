// HOT FILE (docs/hot-path.md): maglev hashing, the same table as Envoy's, entry for entry.
import { xxHash64Halves } from '../../base/index.ts'
import type { Host, MaglevPlace } from '../host.ts'
import { hashKeyOf, type WeightedHost } from './hash-weights.ts'
import type { HashPicker } from './load-balancer.ts'

const TWO_32 = 0x1_0000_0000

interface TableEntry {
  readonly skip: number
  readonly share: number
  target: number
  /** Where in its permutation the host has come to. */
  at: number
  count: number
}

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
  if (known !== null && known.tableSize === tableSize) return known
  const key = hashKeyOf(host, useHostname)
  const skip = hashModulo(key, 1, tableSize - 1) + 1
  const place = { tableSize, key, offset: hashModulo(key, 0, tableSize), skip }
  host.maglev = place
  return place
}

export class Maglev implements HashPicker {
  readonly minEntriesPerHost: number
  readonly maxEntriesPerHost: number
  private readonly table: Int32Array
  private readonly wrap: number
  private readonly hosts: readonly Host[]

  constructor(weighted: readonly WeightedHost[], tableSize: number, useHostname: boolean) {
    const placed = weighted.map(({ host, share }) => ({
      host,
      share,
      place: maglevPlace(host, tableSize, useHostname),
    }))
    // The table depends on the order of filling, which must not depend on the order of configuration.
    placed.sort(({ place: a }, { place: b }) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    const entries = placed.map(
      ({ share, place: { offset, skip } }): TableEntry => ({
        skip,
        share,
        target: 0,
        at: placed.length > 1 ? offset : 0,
        count: 0,
      }),
    )
    this.hosts = placed.map(({ host }) => host)
    // A single host needs one entry, and its gauges say so, as in Envoy.
    const size = entries.length > 1 ? tableSize : entries.length
    this.table = entries.length === 0 ? new Int32Array(0) : fillTable(entries, size)
    this.wrap = TWO_32 % this.table.length
    const least = entries.reduce((fewest, { count }) => Math.min(fewest, count), tableSize)
    this.minEntriesPerHost = entries.length === 0 ? 0 : least
    this.maxEntriesPerHost = entries.reduce((most, { count }) => Math.max(most, count), 0)
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
function fillTable(entries: readonly TableEntry[], tableSize: number): Int32Array {
  const table = new Int32Array(tableSize).fill(-1)
  const heaviest = entries.reduce((most, { share }) => Math.max(most, share), 0)
  let filled = 0
  for (let iteration = 1; filled < tableSize; iteration++) {
    for (let index = 0; index < entries.length && filled < tableSize; index++) {
      const entry = entries[index] as TableEntry
      if (iteration * entry.share < entry.target) continue
      entry.target += heaviest
      let at = entry.at
      while (table[at] !== -1) {
        at += entry.skip
        if (at >= tableSize) at -= tableSize
      }
      table[at] = index
      at += entry.skip
      entry.at = at >= tableSize ? at - tableSize : at
      entry.count++
      filled++
    }
  }
  return table
}
