// How localities count, and slow start: what the list policies have in common.
import type { RuntimeDoubleJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { PercentJson } from '#api/envoy/type/v3/percent_pb.ts'
import { durationMs, int64 } from '../../../config/index.ts'
import type { LocalityRoutingPlan, SlowStartPlan, ZoneAwarePlan } from '../../balancer-plan.ts'

const DEFAULT_MIN_CLUSTER_SIZE = 6
const DEFAULT_MIN_WEIGHT_PERCENT = 10

/** Whole percent, as Envoy reads it; an empty Percent message is 0. */
export function wholePercent(percent: PercentJson | undefined, fallback: number): number {
  return percent === undefined ? fallback : Math.trunc(Number(percent.value ?? 0))
}

interface ZoneAwareFields {
  readonly routingEnabled?: PercentJson
  readonly minClusterSize?: string | number
  readonly failTrafficOnPanic?: boolean
  readonly forceLocalityDirectRouting?: boolean
  readonly forceLocalZone?: { readonly minSize?: number }
  readonly localityBasis?: string
}

/** The fields of both forms; `locality_weighted_lb_config` excludes zones. */
export interface LocalityFields {
  readonly localityWeightedLbConfig?: object
  readonly zoneAwareLbConfig?: ZoneAwareFields
}

function forceLocalMinSize(fields: ZoneAwareFields | undefined): number | null {
  if (fields?.forceLocalZone !== undefined) return fields.forceLocalZone.minSize ?? 1
  return fields?.forceLocalityDirectRouting === true ? 1 : null
}

function zoneAware(fields: ZoneAwareFields | undefined): ZoneAwarePlan {
  return {
    kind: 'zone_aware',
    routingEnabled: wholePercent(fields?.routingEnabled, 100),
    minClusterSize: int64(fields?.minClusterSize ?? DEFAULT_MIN_CLUSTER_SIZE),
    failTrafficOnPanic: fields?.failTrafficOnPanic ?? false,
    forceLocalMinSize: forceLocalMinSize(fields),
    byWeight: fields?.localityBasis === 'HEALTHY_HOSTS_WEIGHT',
  }
}

/** Without any config zones count, as in Envoy; they need a local cluster in the bootstrap to do so. */
export function localityRouting(fields: LocalityFields | undefined): LocalityRoutingPlan {
  return fields?.localityWeightedLbConfig === undefined ? zoneAware(fields?.zoneAwareLbConfig) : { kind: 'weighted' }
}

export interface SlowStartFields {
  readonly slowStartWindow?: string
  readonly aggression?: RuntimeDoubleJson
  readonly minWeightPercent?: PercentJson
}

export function slowStart(fields: SlowStartFields | undefined): SlowStartPlan | null {
  if (fields === undefined) return null
  const percent = fields.minWeightPercent
  return {
    windowMs: durationMs(fields.slowStartWindow, 0),
    aggression: fields.aggression === undefined ? 1 : Number(fields.aggression.defaultValue ?? 0),
    aggressionKey: fields.aggression?.runtimeKey ?? '',
    minWeight: (percent === undefined ? DEFAULT_MIN_WEIGHT_PERCENT : Number(percent.value ?? 0)) / 100,
  }
}
