// The outlier event log: envoy.data.cluster.v3.OutlierDetectionEvent as JSON, one per line, as Envoy writes it.
import { timestamp } from '../health-check/events.ts'
import type { EjectionType } from './outlier-plan.ts'

export interface OutlierEventLog {
  write(line: string): void
}

export interface OutlierEvent {
  readonly type: EjectionType | 'DEGRADED'
  readonly wallMs: number
  /** Since the last event of the other kind; null when there was none. */
  readonly sinceLastMs: number | null
  readonly clusterName: string
  readonly address: string
  readonly action: 'EJECT' | 'UNEJECT'
  readonly ejections: number
  readonly enforced: boolean
  /** The numbers behind it, under the name that the message gives them. */
  readonly detail: object
}

export function outlierEventLine(event: OutlierEvent): string {
  const { sinceLastMs } = event
  const json = {
    type: event.type,
    timestamp: timestamp(event.wallMs),
    ...(sinceLastMs === null ? {} : { secs_since_last_action: String(Math.floor(sinceLastMs / 1000)) }),
    cluster_name: event.clusterName,
    upstream_url: event.address,
    action: event.action,
    num_ejections: event.ejections,
    enforced: event.enforced,
    ...event.detail,
  }
  return `${JSON.stringify(json)}\n`
}
