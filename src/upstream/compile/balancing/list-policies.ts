// Policies that pick within a list of hosts.
import type { RuntimeDoubleJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { ClientSideWeightedRoundRobinJson } from '#api/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts'
import type { PeakEwmaJson } from '#api/envoy/extensions/load_balancing_policies/peak_ewma/v3alpha/peak_ewma_pb.ts'
import { durationMs } from '../../../config/index.ts'
import type {
  ClientSideWeightsPlan,
  LeastRequestPlan,
  LocalityRoutingPlan,
  PeakEwmaPlan,
  RoundRobinPlan,
} from '../../balancer-plan.ts'
import { localityRouting, type SlowStartFields, slowStart } from './locality-routing.ts'

export function roundRobinPlan(
  fields: { readonly slowStartConfig?: SlowStartFields } | undefined,
  locality: LocalityRoutingPlan,
): RoundRobinPlan {
  return { kind: 'round_robin', slowStart: slowStart(fields?.slowStartConfig), locality }
}

interface LeastRequestFields {
  readonly choiceCount?: number
  readonly activeRequestBias?: RuntimeDoubleJson
  readonly enableFullScan?: boolean
  readonly selectionMethod?: string
  readonly slowStartConfig?: SlowStartFields
}

export function leastRequestPlan(
  fields: LeastRequestFields | undefined,
  locality: LocalityRoutingPlan,
): LeastRequestPlan {
  const bias = fields?.activeRequestBias
  return {
    kind: 'least_request',
    choiceCount: fields?.choiceCount ?? 2,
    fullScan: fields?.selectionMethod === 'FULL_SCAN' || fields?.enableFullScan === true,
    activeRequestBias: bias === undefined ? 1 : Number(bias.defaultValue ?? 0),
    activeRequestBiasKey: bias?.runtimeKey ?? '',
    slowStart: slowStart(fields?.slowStartConfig),
    locality,
  }
}

const DEFAULT_DECAY_MS = 10_000
const DEFAULT_RTT_MS = 10
const DEFAULT_PENALTY = 1_000_000

export function peakEwmaPlan(fields: PeakEwmaJson): PeakEwmaPlan {
  return {
    kind: 'peak_ewma',
    decayTimeMs: durationMs(fields.decayTime, DEFAULT_DECAY_MS),
    defaultRttMs: durationMs(fields.defaultRtt, DEFAULT_RTT_MS),
    penalty: Number(fields.penaltyValue ?? DEFAULT_PENALTY),
    locality: localityRouting(undefined),
  }
}

const DEFAULT_BLACKOUT_MS = 10_000
const DEFAULT_EXPIRATION_MS = 180_000
const DEFAULT_UPDATE_MS = 1000
const LEAST_UPDATE_MS = 100

export function clientSideWeightsPlan(
  fields: ClientSideWeightedRoundRobinJson,
  locality: LocalityRoutingPlan,
): ClientSideWeightsPlan {
  return {
    kind: 'client_side_weighted_round_robin',
    blackoutPeriodMs: durationMs(fields.blackoutPeriod, DEFAULT_BLACKOUT_MS),
    weightExpirationPeriodMs: durationMs(fields.weightExpirationPeriod, DEFAULT_EXPIRATION_MS),
    weightUpdatePeriodMs: Math.max(durationMs(fields.weightUpdatePeriod, DEFAULT_UPDATE_MS), LEAST_UPDATE_MS),
    errorUtilizationPenalty: Number(fields.errorUtilizationPenalty ?? 0),
    metricNames: fields.metricNamesForComputingUtilization ?? [],
    slowStart: slowStart(fields.slowStartConfig),
    locality,
  }
}
