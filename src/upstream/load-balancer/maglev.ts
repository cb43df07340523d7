// HOT FILE (docs/hot-path.md): maglev hashing, the same table as Envoy's, entry for entry.
import { xxHash64 } from '../../base/index.ts'
import type { Host } from '../host.ts'
import { hashKeyOf, type WeightedHost } from './hash-weights.ts'
import { type HostPicker, type LoadBalancerContext, NO_HOST } from './load-balancer.ts'

const MASK = 0xffff_ffff_ffff_ffffn

interface TableEntry {
  readonly offset: number
  readonly skip: number
  readonly share: number
  target: number
  next: number
  count: number
}

export class Maglev implements HostPicker {
  readonly minEntriesPerHost: number
  readonly maxEntriesPerHost: number
  private readonly table: Int32Array
  private readonly hosts: readonly Host[]
  private readonly tableSize: bigint
  private readonly random: () => number

  constructor(weighted: readonly WeightedHost[], tableSize: number, useHostname: boolean, random: () => number) {
    // The table depends on the order of filling, which must not depend on the order of configuration.
    const keyed = weighted.map(({ host, share }) => ({ host, share, key: hashKeyOf(host, useHostname) }))
    keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    const size = BigInt(tableSize)
    const entries = keyed.map(
      ({ key, share }): TableEntry => ({
        offset: Number(xxHash64(key) % size),
        skip: Number(xxHash64(key, 1n) % (size - 1n)) + 1,
        share,
        target: 0,
        next: 0,
        count: 0,
      }),
    )
    this.hosts = keyed.map(({ host }) => host)
    this.tableSize = size
    this.random = random
    this.table = fillTable(entries, tableSize)
    this.minEntriesPerHost = Math.min(...entries.map(({ count }) => count))
    this.maxEntriesPerHost = Math.max(...entries.map(({ count }) => count))
  }

  pick(context: LoadBalancerContext | null, attempt: number): Host {
    const hash = context?.hash ?? null
    if (hash === null) return this.hosts[this.table[Math.floor(this.random() * this.table.length)] as number] as Host
    // A rejected host is left behind by another hash, as Envoy derives it.
    const tried = attempt === 0 ? hash : (hash ^ (MASK - BigInt(attempt) + 1n)) & MASK
    return this.hosts[this.table[Number(tried % this.tableSize)] as number] as Host
  }
}

/** Hosts take turns at claiming the next free entry of their own permutation; light ones skip turns. */
function fillTable(entries: readonly TableEntry[], tableSize: number): Int32Array {
  const table = new Int32Array(tableSize).fill(-1)
  const heaviest = Math.max(...entries.map(({ share }) => share))
  let filled = 0
  for (let iteration = 1; filled < tableSize; iteration++) {
    for (let index = 0; index < entries.length && filled < tableSize; index++) {
      const entry = entries[index] as TableEntry
      if (iteration * entry.share < entry.target) continue
      entry.target += heaviest
      let at = (entry.offset + entry.skip * entry.next) % tableSize
      while (table[at] !== -1) {
        entry.next++
        at = (entry.offset + entry.skip * entry.next) % tableSize
      }
      table[at] = index
      entry.next++
      entry.count++
      filled++
    }
  }
  return table
}

export function maglev(
  weighted: readonly WeightedHost[],
  tableSize: number,
  useHostname: boolean,
  random: () => number,
): Maglev | typeof NO_HOST {
  return weighted.length === 0 ? NO_HOST : new Maglev(weighted, tableSize, useHostname, random)
}
