// One cluster as /clusters shows it.
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterMembers } from './cluster-members.ts'
import type { AssignmentPlan, LocalityPlan } from './cluster-plan.ts'
import { edsHealthStatus, healthFlagsText } from './health.ts'
import { type EndpointPlan, HostKeys } from './host.ts'
import type { HostCellReader } from './host-cells.ts'
import { ROW_HEALTH_FLAGS } from './host-rows.ts'
import type { OutlierDetector } from './outlier-detection/detector.ts'
import type { OutlierHost } from './outlier-detection/outlier-host.ts'
import type { LimitsPlan } from './resource-limits.ts'
import {
  HOST_CX_ACTIVE,
  HOST_CX_CONNECT_FAIL,
  HOST_CX_TOTAL,
  HOST_RQ_ACTIVE,
  HOST_RQ_ERROR,
  HOST_RQ_PENDING_ACTIVE,
  HOST_RQ_SUCCESS,
  HOST_RQ_TIMEOUT,
  HOST_RQ_TOTAL,
} from './stats.ts'

export interface BreakerLimits {
  readonly maxConnections: number
  readonly maxPendingRequests: number
  readonly maxRequests: number
  readonly maxRetries: number
}

export interface HostStatus {
  /** 'ip:port' or a path. */
  readonly address: string
  /** Null for pipes. */
  readonly ip: { readonly host: string; readonly port: number } | null
  readonly hostname: string
  readonly counters: {
    readonly cx_connect_fail: number
    readonly cx_total: number
    readonly rq_error: number
    readonly rq_success: number
    readonly rq_timeout: number
    readonly rq_total: number
  }
  readonly gauges: { readonly cx_active: number; readonly rq_active: number; readonly rq_pending_active: number }
  /** Such as '/failed_eds_health'; '' when healthy. */
  readonly healthFlags: string
  /** envoy.config.core.v3.HealthStatus name. */
  readonly edsHealthStatus: string
  readonly weight: number
  readonly region: string
  readonly zone: string
  readonly subZone: string
  readonly canary: boolean
  readonly priority: number
  /** Percent; -1: unknown. */
  readonly successRate: number
  readonly localOriginSuccessRate: number
}

/** Percent; -1: too few hosts or requests in the last interval. */
export interface OutlierStatus {
  readonly successRateAverage: number
  readonly successRateEjectionThreshold: number
  readonly localOriginSuccessRateAverage: number
  readonly localOriginSuccessRateEjectionThreshold: number
}

function outlierStatus({ rates: { external, local } }: OutlierDetector): OutlierStatus {
  return {
    successRateAverage: external.average,
    successRateEjectionThreshold: external.threshold,
    localOriginSuccessRateAverage: local.average,
    localOriginSuccessRateEjectionThreshold: local.threshold,
  }
}

export interface ClusterStatus {
  readonly name: string
  readonly observabilityName: string
  readonly addedViaApi: boolean
  readonly edsServiceName: string
  readonly defaultPriority: BreakerLimits
  readonly highPriority: BreakerLimits
  /** Null without outlier detection. */
  readonly outlier: OutlierStatus | null
  readonly hosts: Iterable<HostStatus>
}

function breakerLimits({ max }: LimitsPlan): BreakerLimits {
  return { maxConnections: max[0], maxPendingRequests: max[1], maxRequests: max[2], maxRetries: max[3] }
}

function hostStatus(
  endpoint: EndpointPlan,
  locality: LocalityPlan,
  sums: readonly number[],
  healthFlags: number,
  rates: OutlierHost['rates'] | undefined,
): HostStatus {
  const { address } = endpoint
  const at = (slot: number): number => sums[slot] as number
  return {
    address: address.toString(),
    ip: address.kind === 'ip' ? { host: address.host, port: address.port } : null,
    hostname: endpoint.hostname,
    counters: {
      cx_connect_fail: at(HOST_CX_CONNECT_FAIL),
      cx_total: at(HOST_CX_TOTAL),
      rq_error: at(HOST_RQ_ERROR),
      rq_success: at(HOST_RQ_SUCCESS),
      rq_timeout: at(HOST_RQ_TIMEOUT),
      rq_total: at(HOST_RQ_TOTAL),
    },
    gauges: {
      cx_active: at(HOST_CX_ACTIVE),
      rq_active: at(HOST_RQ_ACTIVE),
      rq_pending_active: at(HOST_RQ_PENDING_ACTIVE),
    },
    healthFlags: healthFlagsText(healthFlags),
    edsHealthStatus: edsHealthStatus(healthFlags),
    weight: endpoint.weight,
    ...locality.locality,
    canary: endpoint.canary,
    priority: locality.priority,
    successRate: rates?.external ?? -1,
    localOriginSuccessRate: rates?.local ?? -1,
  }
}

function* hostStatuses(
  name: string,
  plan: AssignmentPlan,
  { members, outliers }: { readonly members: ClusterMembers; readonly outliers: OutlierDetector | null },
  cells: HostCellReader,
): Iterable<HostStatus> {
  const keys = new HostKeys()
  for (const locality of plan.localities) {
    for (const endpoint of locality.endpoints) {
      const key = keys.next(endpoint)
      const flags = members.get(key)?.row[ROW_HEALTH_FLAGS] ?? endpoint.healthFlags
      yield hostStatus(endpoint, locality, cells.sum(name, key), flags, outliers?.hosts.get(key)?.rates)
    }
  }
}

/** `plan`: the hosts at the moment, addresses resolved. */
export function clusterStatus(
  cluster: ClusterJson,
  facts: {
    readonly addedViaApi: boolean
    readonly limitsPlan: readonly [LimitsPlan, LimitsPlan]
    readonly members: ClusterMembers
    readonly outliers: OutlierDetector | null
  },
  plan: AssignmentPlan,
  cells: HostCellReader,
): ClusterStatus {
  const name = cluster.name ?? ''
  const observabilityName = cluster.altStatName === undefined || cluster.altStatName === '' ? name : cluster.altStatName
  return {
    name,
    observabilityName,
    addedViaApi: facts.addedViaApi,
    edsServiceName: cluster.edsClusterConfig?.serviceName ?? '',
    defaultPriority: breakerLimits(facts.limitsPlan[0]),
    highPriority: breakerLimits(facts.limitsPlan[1]),
    outlier: facts.outliers === null ? null : outlierStatus(facts.outliers),
    hosts: { [Symbol.iterator]: () => hostStatuses(name, plan, facts, cells)[Symbol.iterator]() },
  }
}
