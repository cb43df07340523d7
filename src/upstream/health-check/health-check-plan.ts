import type { ThreadContext } from '../../net/index.ts'
import type { CheckerPlan } from './checker.ts'

/** Writes the lines of a health check's event log; one per thread and plan. */
export interface HealthCheckEventSink {
  /** `line`: one JSON object with its newline. */
  write(line: string): void
}

/** What an event sink's configuration compiles to (category 'envoy.health_check.event_sinks'). */
export interface HealthCheckEventSinkPlan {
  open(thread: ThreadContext): HealthCheckEventSink
}

/** One entry of Cluster.health_checks. */
export interface HealthCheckPlan {
  /** '' for the only one of a cluster; part of its stat names otherwise. */
  readonly name: string
  readonly timeoutMs: number
  readonly intervals: IntervalPlan
  readonly unhealthyThreshold: number
  readonly healthyThreshold: number
  readonly reuseConnection: boolean
  /** ALPN names that replace those of the cluster's transport socket; empty: its own. */
  readonly alpnProtocols: readonly string[]
  /** Chooses another transport socket than traffic takes; null: the same. */
  readonly transportSocketMatchCriteria: Readonly<Record<string, unknown>> | null
  readonly eventSinks: readonly HealthCheckEventSinkPlan[]
  readonly alwaysLogFailures: boolean
  readonly alwaysLogSuccess: boolean
  readonly checker: CheckerPlan
}

/** When a host is checked next; all in ms. */
export interface IntervalPlan {
  readonly intervalMs: number
  readonly initialJitterMs: number
  readonly jitterMs: number
  readonly jitterPercent: number
  readonly noTrafficMs: number
  readonly noTrafficHealthyMs: number
  readonly unhealthyMs: number
  readonly unhealthyEdgeMs: number
  readonly healthyEdgeMs: number
}
