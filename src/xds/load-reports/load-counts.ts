// What has happened in the clusters that are reported, since each was reported last.
import {
  type ClusterLoad,
  type ClusterLoads,
  HOST_RQ_ACTIVE,
  HOST_RQ_ERROR,
  HOST_RQ_SUCCESS,
  HOST_RQ_TOTAL,
} from '../../upstream/index.ts'

/** envoy.config.endpoint.v3.ClusterStats and its parts, in the form that message codecs take. */
interface Counts {
  totalSuccessfulRequests: bigint
  totalErrorRequests: bigint
  totalIssuedRequests: bigint
  totalRequestsInProgress: bigint
}

interface LocalityStats extends Counts {
  readonly locality: object
  readonly priority: number
  readonly upstreamEndpointStats: object[]
}

/** Totals at the last report. */
interface Seen {
  success: number
  error: number
  issued: number
}

interface Tracked {
  sinceMs: number
  dropped: number
  droppedForOverload: number
  hosts: Map<string, Seen>
}

/** What was counted since; a count that has begun anew is as large as it is. */
const since = (total: number, seen: number): number => (total >= seen ? total - seen : total)

export class LoadCounts {
  private readonly loads: ClusterLoads
  private readonly nowMs: () => number
  private readonly tracked = new Map<string, Tracked>()

  constructor(loads: ClusterLoads, nowMs: () => number) {
    this.loads = loads
    this.nowMs = nowMs
  }

  /** Only these from now on. What clusters that are new here did before is not told. */
  track(names: Iterable<string>): void {
    const wanted = new Set(names)
    for (const name of [...this.tracked.keys()]) if (!wanted.has(name)) this.tracked.delete(name)
    for (const name of wanted) {
      if (this.tracked.has(name)) continue
      this.tracked.set(name, { sinceMs: this.nowMs(), dropped: 0, droppedForOverload: 0, hosts: new Map() })
      const load = this.loads.get(name)
      if (load !== undefined) this.statsOf(load, false)
    }
  }

  /** ClusterStats of each tracked cluster that there is. */
  take(withEndpoints: boolean): object[] {
    const all: object[] = []
    for (const name of this.tracked.keys()) {
      const load = this.loads.get(name)
      if (load !== undefined) all.push(this.statsOf(load, withEndpoints))
    }
    return all
  }

  private statsOf(load: ClusterLoad, withEndpoints: boolean): object {
    const tracked = this.tracked.get(load.name)!
    const now = this.nowMs()
    const dropped = since(load.dropped, tracked.dropped)
    const forOverload = since(load.droppedForOverload, tracked.droppedForOverload)
    const stats = {
      clusterName: load.name,
      clusterServiceName: load.serviceName,
      upstreamLocalityStats: this.localities(load, tracked, withEndpoints),
      totalDroppedRequests: BigInt(dropped),
      droppedRequests: forOverload === 0 ? [] : [{ category: load.dropCategory, droppedCount: BigInt(forOverload) }],
      loadReportInterval: durationFields(now - tracked.sinceMs),
    }
    tracked.sinceMs = now
    tracked.dropped = load.dropped
    tracked.droppedForOverload = load.droppedForOverload
    return stats
  }

  private localities({ name, hosts }: ClusterLoad, tracked: Tracked, withEndpoints: boolean): object[] {
    const localities = new Map<string, LocalityStats>()
    const seen = new Map<string, Seen>()
    for (const { key, address, locality, priority } of hosts) {
      const totals = this.loads.totals(name, key)
      const before = tracked.hosts.get(key)
      const now = { success: totals[HOST_RQ_SUCCESS]!, error: totals[HOST_RQ_ERROR]!, issued: totals[HOST_RQ_TOTAL]! }
      seen.set(key, now)
      const counts = {
        totalSuccessfulRequests: BigInt(since(now.success, before?.success ?? 0)),
        totalErrorRequests: BigInt(since(now.error, before?.error ?? 0)),
        totalIssuedRequests: BigInt(since(now.issued, before?.issued ?? 0)),
        totalRequestsInProgress: BigInt(totals[HOST_RQ_ACTIVE]!),
      }
      if (isNothing(counts)) continue
      const place = JSON.stringify([priority, locality])
      let sum = localities.get(place)
      if (sum === undefined)
        localities.set(place, (sum = { ...NOTHING, locality, priority, upstreamEndpointStats: [] }))
      add(sum, counts)
      if (withEndpoints) sum.upstreamEndpointStats.push({ address, ...counts })
    }
    tracked.hosts = seen
    return [...localities.values()]
  }
}

const NOTHING: Counts = {
  totalSuccessfulRequests: 0n,
  totalErrorRequests: 0n,
  totalIssuedRequests: 0n,
  totalRequestsInProgress: 0n,
}

function isNothing(counts: Counts): boolean {
  return Object.values(counts).every(count => count === 0n)
}

function add(into: Counts, counts: Counts): void {
  into.totalSuccessfulRequests += counts.totalSuccessfulRequests
  into.totalErrorRequests += counts.totalErrorRequests
  into.totalIssuedRequests += counts.totalIssuedRequests
  into.totalRequestsInProgress += counts.totalRequestsInProgress
}

function durationFields(ms: number): object {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) }
}
