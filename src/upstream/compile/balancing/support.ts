// What this release does with every field of the load balancing policies.
import { declareSupport } from '../../../config/index.ts'

const CLUSTER = 'envoy.config.cluster.v3'
const POLICIES = 'envoy.extensions.load_balancing_policies'
const OUT_OF_BAND =
  'reports outside of responses need a stream to every host, which this release does not open; hosts can report in response headers'
const ROUTES = 'set it on the routes instead'

declareSupport(`${CLUSTER}.LoadBalancingPolicy`, { supported: ['policies'] })
declareSupport(`${CLUSTER}.LoadBalancingPolicy.Policy`, { supported: ['typed_extension_config'] })
declareSupport(`${CLUSTER}.Cluster.RoundRobinLbConfig`, { supported: ['slow_start_config'] })
declareSupport(`${CLUSTER}.Cluster.LeastRequestLbConfig`, {
  supported: ['choice_count', 'active_request_bias', 'slow_start_config'],
})
declareSupport(`${CLUSTER}.Cluster.SlowStartConfig`, {
  supported: ['slow_start_window', 'aggression', 'min_weight_percent'],
})
declareSupport(`${CLUSTER}.Cluster.RingHashLbConfig`, {
  supported: ['minimum_ring_size', 'hash_function', 'maximum_ring_size'],
})
declareSupport(`${CLUSTER}.Cluster.MaglevLbConfig`, { supported: ['table_size'] })
declareSupport(`${CLUSTER}.Cluster.LbSubsetConfig`, {
  supported: [
    'fallback_policy',
    'default_subset',
    'subset_selectors',
    'locality_weight_aware',
    'scale_locality_weight',
    'panic_mode_any',
    'list_as_any',
    'metadata_fallback_policy',
  ],
})
declareSupport(`${CLUSTER}.Cluster.LbSubsetConfig.LbSubsetSelector`, {
  supported: ['keys', 'single_host_per_subset', 'fallback_policy', 'fallback_keys_subset'],
})

declareSupport(`${POLICIES}.round_robin.v3.RoundRobin`, { supported: ['slow_start_config', 'locality_lb_config'] })
declareSupport(`${POLICIES}.random.v3.Random`, { supported: ['locality_lb_config'] })
declareSupport(`${POLICIES}.least_request.v3.LeastRequest`, {
  supported: [
    'choice_count',
    'active_request_bias',
    'slow_start_config',
    'locality_lb_config',
    'enable_full_scan',
    'selection_method',
  ],
})
declareSupport(`${POLICIES}.peak_ewma.v3alpha.PeakEwma`, {
  supported: ['decay_time', 'default_rtt', 'penalty_value'],
  accepted: {
    aggregation_interval: 'each response counts at once',
    max_samples_per_host: 'each response counts at once, so none is kept',
  },
})
declareSupport(`${POLICIES}.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin`, {
  supported: [
    'enable_oob_load_report',
    'blackout_period',
    'weight_expiration_period',
    'weight_update_period',
    'error_utilization_penalty',
    'metric_names_for_computing_utilization',
    'slow_start_config',
  ],
  values: { enable_oob_load_report: { true: OUT_OF_BAND } },
  refused: { oob_reporting_period: OUT_OF_BAND, oob_reporting_config: OUT_OF_BAND },
})
declareSupport(`${POLICIES}.wrr_locality.v3.WrrLocality`, { supported: ['endpoint_picking_policy'] })
declareSupport(`${POLICIES}.cluster_provided.v3.ClusterProvided`, { supported: [] })
declareSupport(`${POLICIES}.ring_hash.v3.RingHash`, {
  supported: [
    'hash_function',
    'minimum_ring_size',
    'maximum_ring_size',
    'use_hostname_for_hashing',
    'hash_balance_factor',
    'consistent_hashing_lb_config',
    'locality_weighted_lb_config',
  ],
})
declareSupport(`${POLICIES}.maglev.v3.Maglev`, {
  supported: ['table_size', 'consistent_hashing_lb_config', 'locality_weighted_lb_config'],
})
declareSupport(`${POLICIES}.subset.v3.Subset`, {
  supported: [
    'fallback_policy',
    'default_subset',
    'subset_selectors',
    'allow_redundant_keys',
    'locality_weight_aware',
    'scale_locality_weight',
    'panic_mode_any',
    'list_as_any',
    'metadata_fallback_policy',
    'subset_lb_policy',
  ],
})
declareSupport(`${POLICIES}.subset.v3.Subset.LbSubsetSelector`, {
  supported: ['keys', 'single_host_per_subset', 'fallback_policy', 'fallback_keys_subset'],
})
declareSupport(`${POLICIES}.override_host.v3.OverrideHost`, {
  supported: ['override_host_sources', 'fallback_policy'],
  refused: { selected_host_key: 'the host that was chosen is in the access log as %UPSTREAM_HOST%' },
})
declareSupport(`${POLICIES}.override_host.v3.OverrideHost.OverrideHostSource`, { supported: ['header', 'metadata'] })
declareSupport(`${POLICIES}.common.v3.SlowStartConfig`, {
  supported: ['slow_start_window', 'aggression', 'min_weight_percent'],
})
declareSupport(`${POLICIES}.common.v3.LocalityLbConfig`, {
  supported: ['zone_aware_lb_config', 'locality_weighted_lb_config'],
})
declareSupport(`${POLICIES}.common.v3.LocalityLbConfig.LocalityWeightedLbConfig`, { supported: [] })
declareSupport(`${POLICIES}.common.v3.LocalityLbConfig.ZoneAwareLbConfig`, {
  supported: [
    'routing_enabled',
    'min_cluster_size',
    'fail_traffic_on_panic',
    'force_locality_direct_routing',
    'force_local_zone',
    'locality_basis',
  ],
})
declareSupport(`${POLICIES}.common.v3.LocalityLbConfig.ZoneAwareLbConfig.ForceLocalZone`, { supported: ['min_size'] })
declareSupport(`${POLICIES}.common.v3.ConsistentHashingLbConfig`, {
  supported: ['use_hostname_for_hashing', 'hash_balance_factor'],
  refused: { hash_policy: ROUTES },
})
