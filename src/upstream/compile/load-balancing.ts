// The balancing policy of a cluster, in both of its forms.
import type { ClusterJson, LoadBalancingPolicyJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClientSideWeightedRoundRobinJson } from '#api/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts'
import type { LeastRequestJson } from '#api/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts'
import type { MaglevJson } from '#api/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts'
import type { OverrideHostJson } from '#api/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts'
import type { PeakEwmaJson } from '#api/envoy/extensions/load_balancing_policies/peak_ewma/v3alpha/peak_ewma_pb.ts'
import type { RandomJson } from '#api/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts'
import type { RingHashJson } from '#api/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts'
import type { RoundRobinJson } from '#api/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts'
import type { SubsetJson } from '#api/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts'
import type { WrrLocalityJson } from '#api/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts'
import { type CompileContext, type ConfigPath, typeName } from '../../config/index.ts'
import type { BalancerPlan, LocalityRoutingPlan } from '../balancer-plan.ts'
import { type HashingFields, hashing, maglevPlan, ringHashPlan } from './balancing/hashing.ts'
import { clientSideWeightsPlan, leastRequestPlan, peakEwmaPlan, roundRobinPlan } from './balancing/list-policies.ts'
import { type LocalityFields, localityRouting } from './balancing/locality-routing.ts'
import { overrideHostSource } from './balancing/override-host.ts'
import { compileSubsets, type SubsetFields } from './balancing/subset.ts'
import './balancing/support.ts'

const POLICIES = 'envoy.extensions.load_balancing_policies'
const PLAIN: BalancerPlan = roundRobinPlan(undefined, localityRouting(undefined))

/** What a policy compiles to: a plan, or that the kind of cluster brings its own. */
type Policy = BalancerPlan | 'cluster_provided'

/** The lb_policy form, with its lb_config and common_lb_config. */
function fromPolicyEnum(cluster: ClusterJson, context: CompileContext, path: ConfigPath): Policy {
  const common = cluster.commonLbConfig
  const locality = localityRouting(common as LocalityFields | undefined)
  const shared = hashing(
    common?.consistentHashingLbConfig as HashingFields | undefined,
    common?.localityWeightedLbConfig !== undefined,
  )
  switch (cluster.lbPolicy) {
    case 'LEAST_REQUEST':
      return leastRequestPlan(cluster.leastRequestLbConfig, locality)
    case 'RANDOM':
      return { kind: 'random', locality }
    case 'RING_HASH':
      return ringHashPlan(cluster.ringHashLbConfig, shared, context, path.field('ring_hash_lb_config'))
    case 'MAGLEV':
      return maglevPlan(cluster.maglevLbConfig?.tableSize, shared, context, path.field('maglev_lb_config'))
    case 'CLUSTER_PROVIDED':
      return 'cluster_provided'
    default:
      return roundRobinPlan(cluster.roundRobinLbConfig, locality)
  }
}

type FromConfig = (config: object, context: CompileContext, path: ConfigPath) => Policy | undefined

interface LocalityConfigured {
  readonly localityLbConfig?: object
}

const localityOf = (config: object): LocalityRoutingPlan =>
  localityRouting((config as LocalityConfigured).localityLbConfig as LocalityFields | undefined)

const EXTENSIONS: Readonly<Record<string, FromConfig>> = {
  [`${POLICIES}.round_robin.v3.RoundRobin`]: config => roundRobinPlan(config as RoundRobinJson, localityOf(config)),
  [`${POLICIES}.random.v3.Random`]: config => ({ kind: 'random', locality: localityOf(config as RandomJson) }),
  [`${POLICIES}.least_request.v3.LeastRequest`]: config =>
    leastRequestPlan(config as LeastRequestJson, localityOf(config)),
  [`${POLICIES}.peak_ewma.v3alpha.PeakEwma`]: config => peakEwmaPlan(config as PeakEwmaJson),
  [`${POLICIES}.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin`]: config =>
    clientSideWeightsPlan(config as ClientSideWeightedRoundRobinJson, localityRouting(undefined)),
  [`${POLICIES}.cluster_provided.v3.ClusterProvided`]: () => 'cluster_provided',
  [`${POLICIES}.ring_hash.v3.RingHash`]: (config, context, path) => {
    const json = config as RingHashJson
    // The policy's own fields are the deprecated form.
    const fields = (json.consistentHashingLbConfig ?? json) as HashingFields
    return ringHashPlan(json, hashing(fields, json.localityWeightedLbConfig !== undefined), context, path)
  },
  [`${POLICIES}.maglev.v3.Maglev`]: (config, context, path) => {
    const json = config as MaglevJson
    const fields = json.consistentHashingLbConfig as HashingFields | undefined
    return maglevPlan(json.tableSize, hashing(fields, json.localityWeightedLbConfig !== undefined), context, path)
  },
  [`${POLICIES}.wrr_locality.v3.WrrLocality`]: (config, context, path) => {
    const at = path.field('endpoint_picking_policy')
    const child = innerPolicy((config as WrrLocalityJson).endpointPickingPolicy, context, at)
    if ('locality' in child) return { ...child, locality: { kind: 'weighted' } }
    context.diagnostics.error(at, `${child.kind} cannot pick within one locality`)
    return child
  },
  [`${POLICIES}.subset.v3.Subset`]: (config, context, path) => {
    const json = config as SubsetJson
    const child = innerPolicy(json.subsetLbPolicy, context, path.field('subset_lb_policy'))
    return compileSubsets(json as SubsetFields, child, context, path)
  },
  [`${POLICIES}.override_host.v3.OverrideHost`]: (config, context, path) => {
    const json = config as OverrideHostJson
    const sourcesPath = path.field('override_host_sources')
    return {
      kind: 'override_host',
      sources: (json.overrideHostSources ?? []).flatMap((source, index) =>
        overrideHostSource(source, context, sourcesPath.index(index)),
      ),
      child: innerPolicy(json.fallbackPolicy, context, path.field('fallback_policy')),
    }
  },
}

/** As Envoy: the first policy of the list that is known. */
function fromList(list: LoadBalancingPolicyJson, context: CompileContext, path: ConfigPath): Policy {
  const at = path.field('policies')
  for (const [index, policy] of (list.policies ?? []).entries()) {
    const config = (policy.typedExtensionConfig?.typedConfig ?? {}) as { '@type'?: string }
    const fromConfig = EXTENSIONS[typeName(config)]
    if (fromConfig === undefined) continue
    const configPath = at.index(index).field('typed_extension_config').field('typed_config')
    return fromConfig(config, context, configPath) ?? PLAIN
  }
  context.diagnostics.error(at, 'no load balancing policy of the list is known', {
    expected: `one of ${Object.keys(EXTENSIONS).join(', ')}`,
  })
  return PLAIN
}

/** A policy that another one wraps. */
function innerPolicy(
  list: LoadBalancingPolicyJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): BalancerPlan {
  const policy = fromList(list ?? {}, context, path)
  if (policy !== 'cluster_provided') return policy
  context.diagnostics.error(path, 'a policy that the cluster provides cannot be wrapped')
  return PLAIN
}

/** Settings that belong to one lb_policy, and to no other. */
const POLICY_CONFIGS = [
  ['ringHashLbConfig', 'ring_hash_lb_config', 'RING_HASH'],
  ['maglevLbConfig', 'maglev_lb_config', 'MAGLEV'],
  ['leastRequestLbConfig', 'least_request_lb_config', 'LEAST_REQUEST'],
  ['roundRobinLbConfig', 'round_robin_lb_config', 'ROUND_ROBIN'],
] as const

function checkPolicyEnum(cluster: ClusterJson, context: CompileContext, path: ConfigPath): void {
  const lbPolicy = cluster.lbPolicy ?? 'ROUND_ROBIN'
  if (lbPolicy === 'LOAD_BALANCING_POLICY_CONFIG') {
    context.diagnostics.error(path.field('lb_policy'), 'LOAD_BALANCING_POLICY_CONFIG needs a load_balancing_policy')
  }
  for (const [key, field, policy] of POLICY_CONFIGS) {
    if (cluster[key] === undefined || lbPolicy === policy) continue
    context.diagnostics.warn(path.field(field), `has no effect with lb_policy ${lbPolicy}`, { expected: policy })
  }
}

/** As Envoy: the settings of lb_policy do not go together with the other form. */
function checkForm(cluster: ClusterJson, context: CompileContext, path: ConfigPath): void {
  const refuse = (at: ConfigPath): void => {
    context.diagnostics.error(at, 'belongs to lb_policy; set it in the policy of load_balancing_policy')
  }
  if (cluster.loadBalancingPolicy === undefined) {
    checkPolicyEnum(cluster, context, path)
    return
  }
  if (cluster.lbSubsetConfig !== undefined) refuse(path.field('lb_subset_config'))
  const common = cluster.commonLbConfig
  const at = path.field('common_lb_config')
  if (common?.zoneAwareLbConfig !== undefined) refuse(at.field('zone_aware_lb_config'))
  if (common?.localityWeightedLbConfig !== undefined) refuse(at.field('locality_weighted_lb_config'))
  if (common?.consistentHashingLbConfig !== undefined) refuse(at.field('consistent_hashing_lb_config'))
}

/**
 * The balancing policy of a cluster: `load_balancing_policy` where it is given, else `lb_policy`. `provided`: the plan
 * that comes with the kind of cluster; null: it brings none.
 */
export function compileBalancing(
  cluster: ClusterJson,
  provided: BalancerPlan | null,
  context: CompileContext,
  path: ConfigPath,
): BalancerPlan {
  const list = cluster.loadBalancingPolicy
  const at = path.field(list === undefined ? 'lb_policy' : 'load_balancing_policy')
  checkForm(cluster, context, path)
  const policy = list === undefined ? fromPolicyEnum(cluster, context, path) : fromList(list, context, at)
  if ((policy === 'cluster_provided') !== (provided !== null)) {
    const message =
      provided === null
        ? 'this kind of cluster provides no policy of its own'
        : 'this kind of cluster provides its policy, and takes CLUSTER_PROVIDED only'
    context.diagnostics.error(at, message)
  }
  if (policy === 'cluster_provided' || provided !== null) return provided ?? PLAIN
  const subsets = cluster.lbSubsetConfig
  if (subsets === undefined) return policy
  return compileSubsets(subsets as SubsetFields, policy, context, path.field('lb_subset_config'))
}
