// What this release does with every field of the load balancing policies.
import { declareSupport } from '../../config/index.ts'

const CLUSTER = 'envoy.config.cluster.v3'
const POLICIES = 'envoy.extensions.load_balancing_policies'
const SLOW_START = 'slow start comes in a later release'
const BOUNDED = 'bounded loads come in a later release'

declareSupport(`${CLUSTER}.LoadBalancingPolicy`, { supported: ['policies'] })
declareSupport(`${CLUSTER}.LoadBalancingPolicy.Policy`, { supported: ['typed_extension_config'] })
declareSupport(`${CLUSTER}.Cluster.RoundRobinLbConfig`, { supported: [], refused: { slow_start_config: SLOW_START } })
declareSupport(`${CLUSTER}.Cluster.LeastRequestLbConfig`, {
  supported: ['choice_count', 'active_request_bias'],
  refused: { slow_start_config: SLOW_START },
})
declareSupport(`${CLUSTER}.Cluster.RingHashLbConfig`, {
  supported: ['minimum_ring_size', 'hash_function', 'maximum_ring_size'],
})
declareSupport(`${CLUSTER}.Cluster.MaglevLbConfig`, { supported: ['table_size'] })

declareSupport(`${POLICIES}.round_robin.v3.RoundRobin`, {
  supported: ['locality_lb_config'],
  refused: { slow_start_config: SLOW_START },
})
declareSupport(`${POLICIES}.random.v3.Random`, { supported: ['locality_lb_config'] })
declareSupport(`${POLICIES}.least_request.v3.LeastRequest`, {
  supported: ['choice_count', 'active_request_bias', 'locality_lb_config', 'enable_full_scan', 'selection_method'],
  refused: { slow_start_config: SLOW_START },
})
declareSupport(`${POLICIES}.ring_hash.v3.RingHash`, {
  supported: [
    'hash_function',
    'minimum_ring_size',
    'maximum_ring_size',
    'use_hostname_for_hashing',
    'consistent_hashing_lb_config',
    'locality_weighted_lb_config',
  ],
  refused: { hash_balance_factor: BOUNDED },
})
declareSupport(`${POLICIES}.maglev.v3.Maglev`, {
  supported: ['table_size', 'consistent_hashing_lb_config', 'locality_weighted_lb_config'],
})
declareSupport(`${POLICIES}.common.v3.LocalityLbConfig`, {
  supported: ['locality_weighted_lb_config'],
  refused: { zone_aware_lb_config: 'zone aware routing comes in a later release' },
})
declareSupport(`${POLICIES}.common.v3.LocalityLbConfig.LocalityWeightedLbConfig`, { supported: [] })
declareSupport(`${POLICIES}.common.v3.ConsistentHashingLbConfig`, {
  supported: ['use_hostname_for_hashing'],
  refused: { hash_balance_factor: BOUNDED, hash_policy: 'set it on the routes instead' },
})
