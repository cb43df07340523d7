// HOT FILE (docs/hot-path.md): from a key to its cluster.
import type { RuntimeFraction, ThreadContext } from '../../../net/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'
import type { Command } from './command-table.ts'
import { formatKey } from './key-format.ts'
import type { KeyFormat, RedisProxyPlan, RoutePlan } from './redis-proxy-plan.ts'
import type { RedisPool } from './upstream/redis-pool.ts'

export class Mirror {
  readonly pool: RedisPool
  private readonly fraction: RuntimeFraction | null
  private readonly excludesReads: boolean

  constructor(pool: RedisPool, fraction: RuntimeFraction | null, excludesReads: boolean) {
    this.pool = pool
    this.fraction = fraction
    this.excludesReads = excludesReads
  }

  takes(command: Command, thread: ThreadContext): boolean {
    if (this.excludesReads && command.reads) return false
    return this.fraction === null || this.fraction.enabled(thread)
  }
}

export class Route {
  readonly mirrors: readonly Mirror[]
  /** Keys are sent under another name. */
  readonly changesKeys: boolean
  private readonly pool: RedisPool
  private readonly readPool: RedisPool | null
  private readonly cut: number
  private readonly format: KeyFormat | null

  constructor(plan: RoutePlan, poolOf: (cluster: string) => RedisPool) {
    this.pool = poolOf(plan.cluster)
    this.readPool = plan.readCluster === '' ? null : poolOf(plan.readCluster)
    this.mirrors = plan.mirrors.map(
      ({ cluster, fraction, excludesReads }) => new Mirror(poolOf(cluster), fraction, excludesReads),
    )
    this.cut = plan.removePrefix ? plan.prefix.length : 0
    this.format = plan.keyFormat
    this.changesKeys = this.cut > 0 || this.format !== null
  }

  poolFor(command: Command): RedisPool {
    return this.readPool !== null && command.reads ? this.readPool : this.pool
  }

  /** The key as it is sent. */
  keyOf(bytes: Buffer, start: number, end: number, info: StreamInfo): Buffer {
    const key = bytes.subarray(Math.min(start + this.cut, end), end)
    return this.format === null ? key : formatKey(this.format, key, info)
  }
}

interface Node {
  route: Route | null
  next: Map<number, Node> | null
}

/** The longest prefix wins. */
export class Routes {
  private readonly root: Node = { route: null, next: null }
  private readonly catchAll: Route | null
  private readonly caseInsensitive: boolean

  constructor(plan: RedisProxyPlan, poolOf: (cluster: string) => RedisPool) {
    this.catchAll = plan.catchAll === null ? null : new Route(plan.catchAll, poolOf)
    this.caseInsensitive = plan.caseInsensitive
    for (const route of plan.routes) this.add(route.prefix, new Route(route, poolOf))
  }

  private add(prefix: string, route: Route): void {
    let node = this.root
    for (const byte of Buffer.from(prefix, 'latin1')) {
      node.next ??= new Map()
      let next = node.next.get(byte)
      if (next === undefined) node.next.set(byte, (next = { route: null, next: null }))
      node = next
    }
    node.route = route
  }

  /** Null: keys like this one have no host. */
  find(bytes: Buffer, start: number, end: number): Route | null {
    let node: Node | undefined = this.root
    let found = node.route
    for (let at = start; at < end && node.next !== null; at++) {
      const byte = bytes[at]!
      node = node.next.get(this.caseInsensitive && byte >= 65 && byte <= 90 ? byte | 32 : byte)
      if (node === undefined) break
      if (node.route !== null) found = node.route
    }
    return found ?? this.catchAll
  }
}
