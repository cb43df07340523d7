// Variations of what a request is hashed by, and what hosts are placed by: names, keys, weights of hosts and localities.
import type { Side } from './side.ts'
import { cluster, type Dice, type Hosts, type Seen, typed, type Variation } from './variation.ts'

const LB = 'load_balancing_policies'
const REQUESTS = 60

interface Request {
  readonly headers: Readonly<Record<string, string>>
  readonly path: string
}

interface Policy {
  readonly config: object
  /** Whether it has something to say on the request; cookies with a time to live are made up for those without. */
  readonly speaks: (request: Request) => boolean
}

function policyOf(dice: Dice): Policy {
  const header = dice.one(['x-key', 'x-other', ':path'])
  const rewrite = dice.chance(0.3) ? { regex_rewrite: { pattern: { regex: '(k)ey' }, substitution: '\\1' } } : {}
  return dice.one<() => Policy>([
    () => ({
      config: { header: { header_name: header, ...rewrite } },
      speaks: ({ headers }) => header === ':path' || headers[header] !== undefined,
    }),
    () => ({
      config: { cookie: { name: 'stick' } },
      speaks: ({ headers }) => /stick=./.test(headers['cookie'] ?? ''),
    }),
    () => ({
      config: { query_parameter: { name: 'q' } },
      speaks: ({ path }) => /[?&]q=./.test(path),
    }),
    () => ({ config: { connection_properties: { source_ip: true } }, speaks: () => true }),
  ])()
}

function requestOf(dice: Dice): Request {
  const maybe = (name: string, of: () => string): Record<string, string> => (dice.chance(0.5) ? { [name]: of() } : {})
  return {
    headers: {
      ...maybe('x-key', () => `key-${dice.int(1, 9)}`),
      ...maybe('x-other', () => dice.one(['a', 'key', 'b,c'])),
      ...maybe('cookie', () => dice.one([`stick=${dice.int(1, 9)}`, 'a=b; stick="5"', 'other=1', 'stick='])),
    },
    path: dice.one(['', `?q=${dice.int(1, 9)}`, '?p=1&q=two', '?q=', '?qq=1']),
  }
}

interface Place {
  readonly zone: string
  readonly weight: number
  readonly hosts: readonly { readonly weight: number; readonly healthy: boolean }[]
}

export function hashes(dice: Dice): Variation {
  const weighted = dice.chance(0.4)
  const places: Place[] = ['a', 'b', 'c'].slice(0, dice.int(1, 3)).map(zone => ({
    zone,
    weight: weighted ? dice.int(1, 4) : 0,
    hosts: Array.from({ length: dice.int(1, 4) }, () => ({ weight: dice.int(1, 5), healthy: dice.chance(0.85) })),
  }))
  // Addresses differ between the two sides: names or keys place the hosts.
  const byKey = dice.chance(0.4)
  const named = {
    consistent_hashing_lb_config: { use_hostname_for_hashing: true },
    ...(weighted ? { locality_weighted_lb_config: {} } : {}),
  }
  const [type, config] = dice.one<[string, object]>([
    ['maglev.v3.Maglev', { table_size: dice.one([11, 103, 1009, 65_537]) }],
    ['ring_hash.v3.RingHash', { hash_function: dice.one(['XX_HASH', 'MURMUR_HASH_2']) }],
    ['ring_hash.v3.RingHash', { minimum_ring_size: dice.one([1, 7, 3000]), maximum_ring_size: dice.one([3000, 5000]) }],
  ])
  const policies = Array.from({ length: dice.int(1, 3) }, () => ({ ...policyOf(dice), terminal: dice.chance(0.4) }))
  const asks = Array.from({ length: REQUESTS }, () => requestOf(dice))
  return {
    about: `hashes ${JSON.stringify({ type, config, byKey, places, policies: policies.map(one => one.config) })}`,
    clusters: (name, hosts) => [
      cluster(name, endpointsOf(places, hosts, byKey), {
        common_lb_config: { healthy_panic_threshold: { value: 0 } },
        load_balancing_policy: {
          policies: [{ typed_extension_config: { name: 'p', ...typed(`${LB}.${type}`, { ...config, ...named }) } }],
        },
      }),
    ],
    route: name => ({
      route: {
        cluster: name,
        hash_policy: policies.map(({ config: policy, terminal }) => ({ ...policy, ...(terminal ? { terminal } : {}) })),
      },
    }),
    run: async (side: Side, index): Promise<Seen> => {
      const seen: string[] = []
      for (const { headers, path } of asks) {
        const { status, host } = await side.ask(index, { headers, path })
        // Without a hash it is chance.
        const certain = policies.some(({ speaks }) => speaks({ headers, path }))
        seen.push(`${status} ${certain ? host : 'any'}`)
      }
      return { exact: seen }
    },
  }
}

function endpointsOf(places: readonly Place[], hosts: Hosts, byKey: boolean): readonly object[] {
  let number = 0
  return places.map(({ zone, weight, hosts: list }) => ({
    locality: { region: 'r', zone },
    ...(weight > 0 ? { load_balancing_weight: weight } : {}),
    lb_endpoints: list.map(({ weight: own, healthy }) => {
      number++
      return {
        endpoint: {
          address: { socket_address: { address: hosts.address(number), port_value: hosts.port } },
          hostname: `host-${number}`,
        },
        health_status: healthy ? 'HEALTHY' : 'UNHEALTHY',
        load_balancing_weight: own,
        ...(byKey ? { metadata: { filter_metadata: { 'envoy.lb': { hash_key: `key ${number}` } } } } : {}),
      }
    }),
  }))
}
