// HOT FILE (docs/hot-path.md): a worker's side of a dynamic forward proxy: which names are resolved, and who waits for one.
import type { ConnectionCounter, ThreadContext } from '../../net/index.ts'
import type { StatBlock } from '../../observability/index.ts'
import type { DnsCachePlan } from './dns-cache-plan.ts'
import { DnsCacheStat, dnsCacheStats, pendingCounterName } from './dns-cache-stats.ts'
import type { HostAndPort } from './host-key.ts'
import type { DnsCacheNews, DnsCacheRequest } from './messages.ts'

/** Main hears of a host's use so often within its time to live. */
const REPORTS_PER_TTL = 8

/** Who waits for a name. */
export interface DnsCacheWaiter {
  /** `news.state`: 'ready', or why not. */
  onDnsCacheLoaded(news: DnsCacheNews): void
}

interface Known {
  readonly news: DnsCacheNews
  reportedMs: number
}

/** Too many requests wait already. */
export const PendingOverflow = 'pending_overflow'
export const Loading = 'loading'

export class DnsCacheView {
  private readonly name: string
  private readonly thread: ThreadContext
  private readonly send: (request: DnsCacheRequest) => void
  private readonly stats: StatBlock
  private readonly pending: ConnectionCounter
  private readonly known = new Map<string, Known>()
  private readonly waiting = new Map<string, Set<DnsCacheWaiter>>()

  constructor(name: string, thread: ThreadContext, send: (request: DnsCacheRequest) => void) {
    this.name = name
    this.thread = thread
    this.send = send
    this.stats = dnsCacheStats(thread.stats, name)
    this.pending = thread.connectionCounters.counter(pendingCounterName(name))
  }

  /** What is known of a name; or `waiter` waits for it, until it is told or forgotten. */
  load(
    { key, host, port }: HostAndPort,
    plan: DnsCachePlan,
    waiter: DnsCacheWaiter,
  ): DnsCacheNews | typeof PendingOverflow | typeof Loading {
    if (!this.pending.tryAdd(plan.maxPendingRequests)) {
      this.stats.cells[DnsCacheStat.PENDING_OVERFLOW]! += 1
      return PendingOverflow
    }
    const known = this.known.get(key)
    if (known !== undefined) {
      this.pending.remove()
      return known.news
    }
    const waiters = this.waiting.get(key)
    if (waiters !== undefined) waiters.add(waiter)
    else {
      this.waiting.set(key, new Set([waiter]))
      this.send({ cache: this.name, key, resolve: { host, port } })
    }
    return Loading
  }

  forget(key: string, waiter: DnsCacheWaiter): void {
    if (this.waiting.get(key)?.delete(waiter) === true) this.pending.remove()
  }

  /** A connection or request goes to the host: it must stay. */
  touch(key: string, hostTtlMs: number): void {
    const known = this.known.get(key)
    if (known === undefined) return
    const { now } = this.thread.clock
    if (now - known.reportedMs < hostTtlMs / REPORTS_PER_TTL) return
    known.reportedMs = now
    this.send({ cache: this.name, key, resolve: null })
  }

  onNews(news: DnsCacheNews): void {
    const { key, state } = news
    if (state === 'removed') this.known.delete(key)
    else if (state !== 'overflow') this.known.set(key, { news, reportedMs: this.thread.clock.now })
    const waiters = this.waiting.get(key)
    if (waiters === undefined || state === 'removed') return
    this.waiting.delete(key)
    for (const waiter of waiters) {
      this.pending.remove()
      waiter.onDnsCacheLoaded(news)
    }
  }
}

/** The caches that a worker has heard of. */
export class DnsCacheViews {
  private readonly thread: ThreadContext
  private readonly send: (request: DnsCacheRequest) => void
  private readonly views = new Map<string, DnsCacheView>()

  constructor(thread: ThreadContext, send: (request: DnsCacheRequest) => void) {
    this.thread = thread
    this.send = send
  }

  view(name: string): DnsCacheView {
    let view = this.views.get(name)
    if (view === undefined) this.views.set(name, (view = new DnsCacheView(name, this.thread, this.send)))
    return view
  }

  onNews(news: DnsCacheNews): void {
    this.view(news.cache).onNews(news)
  }
}
