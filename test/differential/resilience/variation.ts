// What is played on both proxies, and when two answers are the same.
import type { Side } from './side.ts'

export interface Hosts {
  address(host: number): string
  readonly port: number
  /** Nobody listens there. */
  readonly closedPort: number
}

export interface Seen {
  /** Chance has spoilt it. */
  readonly void?: boolean
  /** Must be equal. */
  readonly exact?: unknown
  /** Counts by name: two samples of one distribution. */
  readonly shares?: Readonly<Record<string, number>>
  /** Numbers that chance or the clock moves a little, and by how much they may differ. */
  readonly near?: Readonly<Record<string, readonly [value: number, by: number]>>
}

export interface Variation {
  readonly about: string
  clusters(name: string, hosts: Hosts): readonly object[]
  /** Merged into the route; its `route` is needed. */
  route(name: string): object
  readonly filters?: readonly { readonly name: string }[]
  run(side: Side, index: number): Promise<Seen>
}

/** Standard deviations of chi-square that chance may bring: once in a hundred thousand variations. */
const Z = 4.4

/** Two-sample chi-square; null where both samples may come from one distribution. */
function sharesDiffer(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): string | null {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  const total = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((sum, count) => sum + count, 0)
  const [ofA, ofB] = [total(a), total(b)]
  let chi = 0
  for (const name of names) {
    const [x, y] = [a[name] ?? 0, b[name] ?? 0]
    chi += (x * Math.sqrt(ofB / ofA) - y * Math.sqrt(ofA / ofB)) ** 2 / (x + y)
  }
  const freedom = Math.max(1, names.length - 1)
  // Wilson and Hilferty: the cube root of chi-square is nearly normal.
  const z = (Math.cbrt(chi / freedom) - (1 - 2 / (9 * freedom))) / Math.sqrt(2 / (9 * freedom))
  return z > Z ? `shares ${JSON.stringify(a)} and ${JSON.stringify(b)}` : null
}

/** What differs; empty: they agree. */
export function differences(envoy: Seen, own: Seen): readonly string[] {
  if (envoy.void === true || own.void === true) return []
  const found: string[] = []
  found.push(...unequal('', envoy.exact, own.exact))
  const shares = sharesDiffer(envoy.shares ?? { none: 1 }, own.shares ?? { none: 1 })
  if (shares !== null) found.push(shares)
  for (const name of new Set([...Object.keys(envoy.near ?? {}), ...Object.keys(own.near ?? {})])) {
    const [value, by] = envoy.near?.[name] ?? [0, own.near?.[name]?.[1] ?? 0]
    const [other] = own.near?.[name] ?? [0]
    if (!(Math.abs(value - other) <= by)) found.push(`${name}: Envoy ${value}, here ${other} (may differ by ${by})`)
  }
  return found
}

function unequal(path: string, a: unknown, b: unknown): string[] {
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)])
    return [...names].flatMap(name => unequal(`${path}.${name}`, Reflect.get(a, name), Reflect.get(b, name)))
  }
  return a === b ? [] : [`${path}: Envoy ${JSON.stringify(a)}, here ${JSON.stringify(b)}`]
}

/** A reproducible stream of numbers (mulberry32). */
export class Dice {
  private state: number

  constructor(seed: number) {
    this.state = seed
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** From `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  one<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)] as T
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  some<T>(list: readonly T[], probability: number): T[] {
    return list.filter(() => this.chance(probability))
  }
}

const TYPE = 'type.googleapis.com/envoy.extensions'
export const typed = (type: string, config: object = {}): { typed_config: object } => ({
  typed_config: { '@type': `${TYPE}.${type}`, ...config },
})
export const endpoint = (address: string, port: number, extra: object = {}): object => ({
  endpoint: { address: { socket_address: { address, port_value: port } } },
  ...extra,
})
export const cluster = (
  name: string,
  endpoints: readonly object[],
  extra: object = {},
  policy: object = {},
): object => ({
  name,
  type: 'STATIC',
  connect_timeout: '1s',
  load_assignment: { cluster_name: name, endpoints, policy },
  ...extra,
})
