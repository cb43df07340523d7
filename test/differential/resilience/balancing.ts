// Variations of who gets how much: policies, weights, priorities, localities, panic, zones, subsets, hashes.
import type { Side } from './side.ts'
import { cluster, type Dice, type Hosts, type Seen, typed, type Variation } from './variation.ts'

const REQUESTS = 200
const LB = 'load_balancing_policies'
const VERSIONS = ['1', '2', '3']
const STAGES = ['prod', 'dev']

interface Shape {
  readonly localities: readonly {
    readonly priority: number
    readonly zone: string
    readonly weight: number
    readonly hosts: readonly { health: string; weight: number; metadata: object }[]
  }[]
}

function shapeOf(dice: Dice, weighted: boolean): Shape {
  const priorities = dice.one([1, 1, 2, 3])
  const localities: Shape['localities'][number][] = []
  const badness = dice.one([0, 0.2, 0.5, 0.8, 1])
  const degraded = dice.one([0, 0, 0.3])
  const hostWeights = dice.chance(0.5)
  const bare = dice.chance(0.2)
  for (let priority = 0; priority < priorities; priority++) {
    for (const zone of ['a', 'b', 'c'].slice(0, dice.int(1, 3))) {
      const hosts = Array.from({ length: dice.int(1, 5) }, () => ({
        health: dice.chance(badness) ? 'UNHEALTHY' : dice.chance(degraded) ? 'DEGRADED' : 'HEALTHY',
        weight: hostWeights ? dice.int(1, 9) : 1,
        metadata: { version: dice.one(VERSIONS), stage: dice.one(STAGES) },
      }))
      localities.push({ priority, zone, weight: weighted && !bare ? dice.int(1, 5) : 0, hosts })
    }
  }
  return { localities }
}

const SIMPLE = ['round_robin.v3.RoundRobin', 'least_request.v3.LeastRequest', 'random.v3.Random']

function localityConfig(dice: Dice, weighted: boolean): object {
  if (weighted) return { locality_lb_config: { locality_weighted_lb_config: {} } }
  if (dice.chance(0.3)) return {}
  const zone = {
    routing_enabled: { value: dice.one([0, 50, 100, 100]) },
    min_cluster_size: dice.one([1, 4, 6]),
    ...(dice.chance(0.3) ? { fail_traffic_on_panic: true } : {}),
    ...(dice.chance(0.3) ? { force_local_zone: { min_size: dice.int(1, 3) } } : {}),
    ...(dice.chance(0.3) ? { locality_basis: 'HEALTHY_HOSTS_WEIGHT' } : {}),
  }
  return { locality_lb_config: { zone_aware_lb_config: zone } }
}

function simplePolicy(dice: Dice, weighted: boolean): [string, object] {
  const type = dice.one(SIMPLE)
  const least = type.startsWith('least')
    ? {
        ...(dice.chance(0.4) ? { choice_count: dice.int(2, 5) } : {}),
        ...(dice.chance(0.4)
          ? { active_request_bias: { default_value: dice.one([0, 0.5, 1, 2]), runtime_key: 'none' } }
          : {}),
        ...(dice.chance(0.3) ? { selection_method: 'FULL_SCAN' } : {}),
      }
    : {}
  return [type, { ...least, ...localityConfig(dice, weighted) }]
}

function hashPolicy(dice: Dice, weighted: boolean): [string, object] {
  const common = {
    consistent_hashing_lb_config: dice.chance(0.3)
      ? { hash_balance_factor: dice.one([100, 120, 200]) }
      : { use_hostname_for_hashing: dice.chance(0.3) },
    ...(weighted ? { locality_weighted_lb_config: {} } : {}),
  }
  if (dice.chance(0.5)) {
    return ['maglev.v3.Maglev', { ...(dice.chance(0.5) ? { table_size: dice.one([101, 1009, 5003]) } : {}), ...common }]
  }
  const ring = {
    hash_function: dice.one(['XX_HASH', 'MURMUR_HASH_2']),
    ...(dice.chance(0.5) ? { minimum_ring_size: dice.one([1, 64, 500]) } : {}),
    ...(dice.chance(0.3) ? { maximum_ring_size: 2000 } : {}),
  }
  return ['ring_hash.v3.RingHash', { ...ring, ...common }]
}

const inPolicies = (type: string, config: object): object => ({
  policies: [{ typed_extension_config: { name: 'p', ...typed(`${LB}.${type}`, config) } }],
})

function subsetPolicy(dice: Dice, inner: object): object {
  const selector = (keys: string[]): object => ({
    keys,
    ...(dice.chance(0.4)
      ? { fallback_policy: dice.one(['NO_FALLBACK', 'ANY_ENDPOINT', 'DEFAULT_SUBSET']) }
      : keys.length > 1 && dice.chance(0.4)
        ? { fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: [keys[0]] }
        : {}),
  })
  const config = {
    fallback_policy: dice.one(['NO_FALLBACK', 'ANY_ENDPOINT', 'DEFAULT_SUBSET']),
    default_subset: { stage: 'prod' },
    subset_selectors: dice.one([
      [selector(['version', 'stage']), selector(['stage'])],
      [selector(['stage'])],
      [selector(['version'])],
      [selector(['stage', 'version'])],
    ]),
    ...(dice.chance(0.2) ? { panic_mode_any: true } : {}),
    ...(dice.chance(0.3) ? { locality_weight_aware: true, scale_locality_weight: dice.chance(0.5) } : {}),
    subset_lb_policy: inner,
  }
  return inPolicies('subset.v3.Subset', config)
}

function commonConfig(dice: Dice): object {
  const panic = dice.one([-1, -1, 0, 25, 75, 100])
  return panic < 0 ? {} : { common_lb_config: { healthy_panic_threshold: { value: panic } } }
}

export function balancing(dice: Dice): Variation {
  const weighted = dice.chance(0.3)
  const shape = shapeOf(dice, weighted)
  const hashes = dice.chance(0.35)
  const [type, config] = hashes ? hashPolicy(dice, weighted) : simplePolicy(dice, weighted)
  const plain = inPolicies(type, config)
  const subset = dice.chance(0.25)
  const policy = subset ? subsetPolicy(dice, plain) : plain
  const overprovisioning = dice.chance(0.3) ? { overprovisioning_factor: dice.one([100, 120, 200]) } : {}
  const common = commonConfig(dice)
  const match = dice.one([
    {},
    { stage: dice.one([...STAGES, 'none']) },
    { version: dice.one(['1', '9']), stage: dice.one(STAGES) },
    { version: dice.one(['1', '2', '9']) },
  ])
  return {
    about: `balancing ${JSON.stringify({ policy, common, overprovisioning, match: subset ? match : undefined, shape })}`,
    clusters: (name, hosts) => {
      const extra = { ...common, load_balancing_policy: policy }
      return [cluster(name, endpointsOf(shape, hosts), extra, overprovisioning)]
    },
    route: name => ({
      route: {
        cluster: name,
        ...(hashes ? { hash_policy: [{ header: { header_name: 'x-key' } }] } : {}),
        ...(subset ? { metadata_match: { filter_metadata: { 'envoy.lb': match } } } : {}),
      },
    }),
    run: (side, index) => play(side, index, hashes),
  }
}

function endpointsOf({ localities }: Shape, hosts: Hosts): readonly object[] {
  let number = 0
  return localities.map(({ priority, zone, weight, hosts: list }) => ({
    priority,
    locality: { region: 'r', zone },
    ...(weight > 0 ? { load_balancing_weight: weight } : {}),
    lb_endpoints: list.map(host => ({
      endpoint: {
        address: { socket_address: { address: hosts.address(++number), port_value: hosts.port } },
        // The address differs between the two sides, and hashes of it would.
        hostname: `h${number}`,
      },
      health_status: host.health,
      load_balancing_weight: host.weight,
      metadata: { filter_metadata: { 'envoy.lb': { ...host.metadata, hash_key: `k${number}` } } },
    })),
  }))
}

async function play(side: Side, index: number, hashes: boolean): Promise<Seen> {
  const counts: Record<string, number> = {}
  const byKey: Record<string, string> = {}
  const replies = new Set<string>()
  for (let i = 0; i < REQUESTS; i++) {
    const key = `key-${i}`
    const { status, flags, details, host } = await side.ask(index, hashes ? { headers: { 'x-key': key } } : {})
    counts[host] = (counts[host] ?? 0) + 1
    if (hashes) byKey[key] = String(host)
    if (status !== 200) replies.add(`${status} ${flags} ${details}`)
  }
  const stats = Object.fromEntries(Object.entries(await side.stats(index)).filter(([name]) => !OF_THREADS.test(name)))
  const chance = Object.entries(stats).filter(([name]) => MOVED_BY_CHANCE.test(name))
  const exact = Object.fromEntries(Object.entries(stats).filter(([name]) => !MOVED_BY_CHANCE.test(name)))
  const near = Object.fromEntries(
    chance.map(([name, value]) => [name, [value, 8 + 6 * Math.sqrt(REQUESTS / 4)] as const]),
  )
  return { exact: { byKey, replies: [...replies].sort(), stats: exact }, shares: counts, near }
}

const MOVED_BY_CHANCE =
  /^(zone\.|lb_zone_routing|lb_zone_no_cap|lb_healthy_panic|upstream_cx|upstream_rq_pending_total|membership_change)|^(internal\.)?upstream_rq_(\d|completed|total)/

/** Counted once per thread that makes a table, or told of the table that was made last. */
const OF_THREADS = /^(lb_zone_cluster_too_small|lb_local_cluster_not_ok|(ring_hash|maglev)_lb\..*)$/
