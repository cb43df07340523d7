// Everything that main knows about why each host of a cluster is picked or not.
import type { RuntimeSnapshot } from '../../config/index.ts'
import type { Member } from '../cluster-members.ts'
import { healthFlagsText } from '../health.ts'
import type { HostLimitsPlan } from '../host-limits.ts'
import { ROW_HELD_CONNECTIONS, ROW_HELD_REQUESTS } from '../host-rows.ts'
import { type LimitsLocation, ledgerPosition } from '../limits-memory.ts'
import type { OutlierDetector } from '../outlier-detection/detector.ts'
import type { OutlierHost } from '../outlier-detection/outlier-host.ts'
import { LIMIT_NAMES, type LimitsPlan, type ResourceKind, ResourceLimits } from '../resource-limits.ts'
import type { BalancingExplanation, HostExplanation } from './explain-balancing.ts'

export interface FlagSince {
  /** Such as 'failed_active_hc'. */
  readonly flag: string
  /** Unix ms. */
  readonly sinceMs: number
}

/** What outlier detection last decided about a host. */
export interface EjectionExplanation {
  readonly ejected: boolean
  /** How often it was ejected. */
  readonly count: number
  /** Of the last detection: CONSECUTIVE_5XX and the like; null: there was none. */
  readonly type: string | null
  readonly enforced: boolean
  readonly agoMs: number
  /** When it may return, if it is ejected; at the next interval after that it does. */
  readonly returnsInMs: number | null
  /** The numbers behind the detection, as the event log prints them. */
  readonly detail: object
}

export interface ExplainedHost extends HostExplanation {
  /** Flags that are set; empty: healthy. */
  readonly flags: readonly FlagSince[]
  /** Unix ms; null while a flag is set. */
  readonly healthySinceMs: number | null
  /** Null without outlier detection. */
  readonly ejection: EjectionExplanation | null
  /** Percent of the last interval; -1: too few requests. */
  readonly successRate: number
  /** The quantile that slow hosts are found by; null: not watched, or nothing known. */
  readonly latency: { readonly ms: number; readonly volume: number } | null
  /** Of limits per host; empty: there are none. */
  readonly breakers: readonly BreakerRoom[]
}

export interface BreakerRoom {
  readonly priority: 'DEFAULT' | 'HIGH'
  readonly limits: readonly { readonly name: string; readonly limit: number; readonly used: number }[]
}

type HostLimitsPlans = readonly [HostLimitsPlan | null, HostLimitsPlan | null]

export interface ClusterExplanation extends BalancingExplanation {
  readonly name: string
  readonly breakers: readonly BreakerRoom[]
  /** Null without outlier detection. */
  readonly outliers: { readonly hosts: number; readonly ejected: number; readonly maxEjectionPercent: number } | null
  readonly hosts: readonly ExplainedHost[]
}

function flagsOf({ flaggedMs }: Member): readonly FlagSince[] {
  return Array.from(flaggedMs, ([flag, sinceMs]) => ({ flag: healthFlagsText(flag).slice(1), sinceMs }))
}

function ejectionOf(host: OutlierHost, detector: OutlierDetector): EjectionExplanation {
  const { ejection, lastDetection } = host
  const now = detector.nowMs
  return {
    ejected: ejection.ejected,
    count: ejection.count,
    type: lastDetection?.type ?? null,
    enforced: lastDetection?.enforced ?? false,
    agoMs: lastDetection === null ? 0 : now - lastDetection.atMs,
    returnsInMs: ejection.ejected ? Math.max(0, detector.ejectedUntilMs(host) - now) : null,
    detail: lastDetection?.detail ?? {},
  }
}

/** One host with what its own cluster knows of it. */
export function explainHost(
  host: HostExplanation,
  member: Member | undefined,
  outliers: OutlierDetector | null,
  limits: HostLimitsPlans,
): ExplainedHost {
  const flags = member === undefined ? [] : flagsOf(member)
  const watched = outliers?.hosts.get(host.key)
  return {
    ...host,
    flags,
    healthySinceMs: member === undefined || flags.length > 0 ? null : member.healthyMs,
    ejection: watched === undefined || outliers === null ? null : ejectionOf(watched, outliers),
    successRate: watched?.rates.external ?? -1,
    latency: outliers?.latencyOf(host.key) ?? null,
    breakers: member === undefined ? [] : hostRoom(limits, member.row),
  }
}

/** How much of a host's own limits is in use, by all workers and priorities together. */
function hostRoom(plans: HostLimitsPlans, row: Int32Array): readonly BreakerRoom[] {
  return plans.flatMap((plan, priority) => {
    if (plan === null) return []
    const limits = [
      { name: 'max_connections', limit: plan.maxConnections, used: row[ROW_HELD_CONNECTIONS] as number },
      { name: 'max_requests', limit: plan.maxRequests, used: row[ROW_HELD_REQUESTS] as number },
    ].filter(({ limit }) => Number.isFinite(limit))
    return [{ priority: priority === 0 ? 'DEFAULT' : 'HIGH', limits } as const]
  })
}

/** How much of each circuit breaker is in use, by all workers together. */
export function breakerRoom(
  plans: readonly [LimitsPlan, LimitsPlan],
  location: LimitsLocation,
  runtime: { readonly snapshot: RuntimeSnapshot },
): readonly BreakerRoom[] {
  return ([0, 1] as const).map(priority => {
    const limits = new ResourceLimits(plans[priority], priority, location, ledgerPosition(-1), runtime)
    return {
      priority: priority === 0 ? 'DEFAULT' : 'HIGH',
      limits: LIMIT_NAMES.map((name, kind) => ({
        name,
        limit: limits.limit(kind as ResourceKind),
        used: limits.count(kind as ResourceKind),
      })),
    }
  })
}
