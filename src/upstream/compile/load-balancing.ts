import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { RuntimeDoubleJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { LeastRequestJson } from '#api/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts'
import type { MaglevJson } from '#api/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts'
import type { RandomJson } from '#api/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts'
import type { RingHashJson } from '#api/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts'
import type { RoundRobinJson } from '#api/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts'
import { type CompileContext, type ConfigPath, int64, typeName } from '../../config/index.ts'
import type { BalancerPlan } from '../cluster-plan.ts'
import './load-balancing-support.ts'

const POLICIES = 'envoy.extensions.load_balancing_policies'
const DEFAULT_RING_MINIMUM = 1024
const DEFAULT_RING_MAXIMUM = 8_388_608
const DEFAULT_TABLE = 65_537

export interface BalancingPlan {
  readonly balancer: BalancerPlan
  readonly localityWeighted: boolean
}

interface LeastRequestFields {
  readonly choiceCount?: number
  readonly activeRequestBias?: RuntimeDoubleJson
  readonly enableFullScan?: boolean
  readonly selectionMethod?: string
}

function leastRequestPlan(json: LeastRequestFields | undefined): BalancerPlan {
  return {
    kind: 'least_request',
    choiceCount: json?.choiceCount ?? 2,
    fullScan: json?.selectionMethod === 'FULL_SCAN' || json?.enableFullScan === true,
    activeRequestBias: json?.activeRequestBias === undefined ? 1 : Number(json.activeRequestBias.defaultValue ?? 0),
    activeRequestBiasKey: json?.activeRequestBias?.runtimeKey ?? '',
  }
}

interface RingFields {
  readonly hashFunction?: string
  readonly minimumRingSize?: string | number
  readonly maximumRingSize?: string | number
}

function ringHashPlan(
  json: RingFields | undefined,
  useHostname: boolean,
  context: CompileContext,
  path: ConfigPath,
): BalancerPlan {
  const minimumRingSize = int64(json?.minimumRingSize ?? DEFAULT_RING_MINIMUM)
  const maximumRingSize = int64(json?.maximumRingSize ?? DEFAULT_RING_MAXIMUM)
  if (minimumRingSize > maximumRingSize) {
    context.diagnostics.error(path.field('minimum_ring_size'), 'is above maximum_ring_size', {
      expected: `at most ${maximumRingSize}`,
      found: String(minimumRingSize),
    })
  }
  const hashFunction = json?.hashFunction === 'MURMUR_HASH_2' ? 'MURMUR_HASH_2' : 'XX_HASH'
  return { kind: 'ring_hash', hashFunction, minimumRingSize, maximumRingSize, useHostname }
}

function isPrime(value: number): boolean {
  if (value < 2) return false
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false
  return true
}

function maglevPlan(
  tableSizeField: string | number | undefined,
  useHostname: boolean,
  context: CompileContext,
  path: ConfigPath,
): BalancerPlan {
  const tableSize = int64(tableSizeField ?? DEFAULT_TABLE)
  if (!isPrime(tableSize)) {
    context.diagnostics.error(path.field('table_size'), 'the table size of maglev must be a prime number', {
      found: String(tableSize),
    })
  }
  return { kind: 'maglev', tableSize, useHostname }
}

/** The lb_policy form, with its lb_config and common_lb_config. */
function fromPolicyEnum(cluster: ClusterJson, context: CompileContext, path: ConfigPath): BalancingPlan {
  const common = cluster.commonLbConfig
  const localityWeighted = common?.localityWeightedLbConfig !== undefined
  const useHostname = common?.consistentHashingLbConfig?.useHostnameForHashing ?? false
  switch (cluster.lbPolicy) {
    case 'LEAST_REQUEST':
      return { balancer: leastRequestPlan(cluster.leastRequestLbConfig), localityWeighted }
    case 'RANDOM':
      return { balancer: { kind: 'random' }, localityWeighted }
    case 'RING_HASH': {
      const at = path.field('ring_hash_lb_config')
      return { balancer: ringHashPlan(cluster.ringHashLbConfig, useHostname, context, at), localityWeighted }
    }
    case 'MAGLEV': {
      const at = path.field('maglev_lb_config')
      return { balancer: maglevPlan(cluster.maglevLbConfig?.tableSize, useHostname, context, at), localityWeighted }
    }
    default:
      return { balancer: { kind: 'round_robin' }, localityWeighted }
  }
}

function fromExtension(config: object, context: CompileContext, path: ConfigPath): BalancingPlan | undefined {
  switch (typeName(config as { '@type'?: string })) {
    case `${POLICIES}.round_robin.v3.RoundRobin`: {
      const locality = (config as RoundRobinJson).localityLbConfig
      return { balancer: { kind: 'round_robin' }, localityWeighted: locality?.localityWeightedLbConfig !== undefined }
    }
    case `${POLICIES}.random.v3.Random`: {
      const locality = (config as RandomJson).localityLbConfig
      return { balancer: { kind: 'random' }, localityWeighted: locality?.localityWeightedLbConfig !== undefined }
    }
    case `${POLICIES}.least_request.v3.LeastRequest`: {
      const json = config as LeastRequestJson
      const localityWeighted = json.localityLbConfig?.localityWeightedLbConfig !== undefined
      return { balancer: leastRequestPlan(json as LeastRequestFields), localityWeighted }
    }
    case `${POLICIES}.ring_hash.v3.RingHash`: {
      const json = config as RingHashJson
      const useHostname = json.consistentHashingLbConfig?.useHostnameForHashing ?? json.useHostnameForHashing ?? false
      const balancer = ringHashPlan(json, useHostname, context, path)
      return { balancer, localityWeighted: json.localityWeightedLbConfig !== undefined }
    }
    case `${POLICIES}.maglev.v3.Maglev`: {
      const json = config as MaglevJson
      const useHostname = json.consistentHashingLbConfig?.useHostnameForHashing ?? false
      const balancer = maglevPlan(json.tableSize, useHostname, context, path)
      return { balancer, localityWeighted: json.localityWeightedLbConfig !== undefined }
    }
    default:
      return undefined
  }
}

/** The balancing policy of a cluster: `load_balancing_policy` where it is given, else `lb_policy`. */
export function compileBalancing(cluster: ClusterJson, context: CompileContext, path: ConfigPath): BalancingPlan {
  const policies = cluster.loadBalancingPolicy?.policies
  const at = path.field('load_balancing_policy').field('policies')
  if (policies === undefined) {
    if (cluster.lbPolicy === 'LOAD_BALANCING_POLICY_CONFIG') {
      context.diagnostics.error(path.field('lb_policy'), 'LOAD_BALANCING_POLICY_CONFIG needs a load_balancing_policy')
    }
    return fromPolicyEnum(cluster, context, path)
  }
  // Envoy takes the first policy it knows.
  for (const [index, policy] of policies.entries()) {
    const config = policy.typedExtensionConfig?.typedConfig ?? {}
    const configPath = at.index(index).field('typed_extension_config').field('typed_config')
    const plan = fromExtension(config, context, configPath)
    if (plan !== undefined) return plan
  }
  context.diagnostics.error(at, 'no load balancing policy of the list is known')
  return { balancer: { kind: 'round_robin' }, localityWeighted: false }
}
