// HOT FILE (docs/hot-path.md): consistent hashing on a ring (ketama), the same ring as Envoy's, point for point.
import { type Steps, xxHash64Halves } from '../../base/index.ts'
import type { RingHashPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import { hashKeyOf, type WeightedHost } from './hash-weights.ts'
import type { HashPicker } from './load-balancer.ts'
import { murmurHash2 } from './murmur-hash2.ts'
import { sortHashes } from './sort-hashes.ts'

export interface RingSize {
  /** As planned; the ring is smaller where localities with a weight have no hosts. */
  readonly size: number
  readonly minHashesPerHost: number
  readonly maxHashesPerHost: number
}

export class RingHash implements HashPicker {
  readonly size: RingSize
  /** Upper and lower halves of the points, in order. */
  private readonly highs: Uint32Array
  private readonly lows: Uint32Array
  /** By point, an index into `hosts`. */
  private readonly owners: Uint32Array
  private readonly hosts: readonly Host[]

  constructor(hosts: readonly Host[], size: RingSize, points: number) {
    this.hosts = hosts
    this.size = size
    this.highs = new Uint32Array(points)
    this.lows = new Uint32Array(points)
    this.owners = new Uint32Array(points)
  }

  /** Puts in its place what comes at `from` to `end` in `order`. */
  place({ points, owners }: Points, order: Uint32Array, from: number, end: number): void {
    for (let at = from; at < end; at++) {
      const point = order[at] as number
      this.lows[at] = points[2 * point] as number
      this.highs[at] = points[2 * point + 1] as number
      this.owners[at] = owners[point] as number
    }
  }

  pick(high: number, low: number, attempt: number): Host | null {
    const count = this.owners.length
    if (count === 0) return null
    return this.hosts[this.owners[(this.find(high, low) + attempt) % count] as number] as Host
  }

  /** The first point at or behind the hash, clockwise. */
  private find(high: number, low: number): number {
    const { highs, lows } = this
    let from = 0
    let to = highs.length
    while (from < to) {
      const middle = (from + to) >>> 1
      const at = highs[middle] as number
      if (at < high || (at === high && (lows[middle] as number) < low)) from = middle + 1
      else to = middle
    }
    return from === highs.length ? 0 : from
  }
}

/** Points as pairs of halves, the low one first. */
interface Points extends RingSize {
  readonly points: Uint32Array
  readonly owners: Uint32Array
}

/** How many points are made or put in place in one step. */
const STEP = 4096
const POINTS_PER_STEP = 128

export function* buildRing(weighted: readonly WeightedHost[], plan: RingHashPlan): Steps<RingHash> {
  const made = yield* ringPoints(weighted, plan)
  const order = yield* sortHashes(made.points)
  const { size, minHashesPerHost, maxHashesPerHost } = made
  const hosts = weighted.map(({ host }) => host)
  const ring = new RingHash(hosts, { size, minHashesPerHost, maxHashesPerHost }, order.length)
  for (let at = 0; at < order.length; at += STEP) {
    ring.place(made, order, at, Math.min(at + STEP, order.length))
    yield
  }
  return ring
}

const NO_POINTS = {
  points: new Uint32Array(0),
  owners: new Uint32Array(0),
  size: 0,
  minHashesPerHost: 0,
  maxHashesPerHost: 0,
}

function* ringPoints(weighted: readonly WeightedHost[], plan: RingHashPlan): Steps<Points> {
  if (weighted.length === 0) return NO_POINTS
  const smallest = weighted.reduce((least, { share }) => Math.min(least, share), 1)
  // The lightest host gets a whole number of points, so that equal weights get equal parts.
  const scale = Math.min(Math.ceil(smallest * plan.minimumRingSize) / smallest, plan.maximumRingSize)
  const room = Math.ceil(scale) + weighted.length
  const points = new Uint32Array(2 * room)
  const owners = new Uint32Array(room)
  const hash = plan.hashFunction === 'MURMUR_HASH_2' ? murmurHalves : xxHash64Halves
  let used = 0
  let target = 0
  let min = Math.ceil(scale)
  let max = 0
  for (const [index, { host, share }] of weighted.entries()) {
    const key = hashKeyOf(host, plan.useHostname)
    target += scale * share
    let count = 0
    for (; used < target; used++) {
      hash(`${key}_${count++}`, 0, points, 2 * used)
      owners[used] = index
      if (used % POINTS_PER_STEP === 0) yield
    }
    min = Math.min(min, count)
    max = Math.max(max, count)
  }
  return {
    points: points.subarray(0, 2 * used),
    owners: owners.subarray(0, used),
    size: Math.ceil(scale),
    minHashesPerHost: min,
    maxHashesPerHost: max,
  }
}

function murmurHalves(text: string, _seed: number, out: Uint32Array, at: number): void {
  const hash = murmurHash2(text)
  out[at] = Number(hash & 0xffff_ffffn)
  out[at + 1] = Number(hash >> 32n)
}
