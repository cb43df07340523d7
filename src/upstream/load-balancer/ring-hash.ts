// HOT FILE (docs/hot-path.md): consistent hashing on a ring (ketama), the same ring as Envoy's, point for point.
import { xxHash64 } from '../../base/index.ts'
import type { Host } from '../host.ts'
import { hashKeyOf, type WeightedHost } from './hash-weights.ts'
import { type HostPicker, type LoadBalancerContext, NO_HOST } from './load-balancer.ts'
import { murmurHash2 } from './murmur-hash2.ts'

export interface RingHashOptions {
  readonly hashFunction: 'XX_HASH' | 'MURMUR_HASH_2'
  readonly minimumRingSize: number
  readonly maximumRingSize: number
  readonly useHostname: boolean
}

export interface RingSize {
  readonly size: number
  readonly minHashesPerHost: number
  readonly maxHashesPerHost: number
}

export class RingHash implements HostPicker {
  readonly size: RingSize
  private readonly hashes: BigUint64Array
  private readonly hosts: readonly Host[]
  private readonly random: () => number

  constructor(weighted: readonly WeightedHost[], options: RingHashOptions, random: () => number) {
    this.random = random
    const { points, min, max } = ringPoints(weighted, options)
    points.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0))
    this.hashes = BigUint64Array.from(points, point => point.hash)
    this.hosts = points.map(point => point.host)
    this.size = { size: points.length, minHashesPerHost: min, maxHashesPerHost: max }
  }

  pick(context: LoadBalancerContext | null, attempt: number): Host {
    const hash = context?.hash ?? null
    const { length } = this.hosts
    // Without a hash any point will do.
    const at = hash === null ? Math.floor(this.random() * length) : this.find(hash)
    return this.hosts[(at + attempt) % length] as Host
  }

  /** The first point at or behind the hash, clockwise. */
  private find(hash: bigint): number {
    const { hashes } = this
    let low = 0
    let high = hashes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((hashes[middle] as bigint) < hash) low = middle + 1
      else high = middle
    }
    return low === hashes.length ? 0 : low
  }
}

interface Point {
  readonly hash: bigint
  readonly host: Host
}

function ringPoints(weighted: readonly WeightedHost[], options: RingHashOptions) {
  const smallest = Math.min(...weighted.map(({ share }) => share))
  // The lightest host gets a whole number of points, so that equal weights get equal parts.
  const scale = Math.min(Math.ceil(smallest * options.minimumRingSize) / smallest, options.maximumRingSize)
  const hash = options.hashFunction === 'MURMUR_HASH_2' ? murmurHash2 : xxHash64
  const points: Point[] = []
  let target = 0
  let min = Math.ceil(scale)
  let max = 0
  for (const { host, share } of weighted) {
    const key = hashKeyOf(host, options.useHostname)
    target += scale * share
    let count = 0
    for (; points.length < target; count++) points.push({ hash: hash(`${key}_${count}`), host })
    min = Math.min(min, count)
    max = Math.max(max, count)
  }
  return { points, min, max }
}

export function ringHash(
  weighted: readonly WeightedHost[],
  options: RingHashOptions,
  random: () => number,
): RingHash | typeof NO_HOST {
  return weighted.length === 0 ? NO_HOST : new RingHash(weighted, options, random)
}
