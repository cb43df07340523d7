// The cases of balancing.test.ts: a cluster each, and what a real Envoy 1.40 makes of it.
import { socketAddress, staticCluster } from '../../harness/index.ts'

const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'

export interface BalancingCase {
  readonly about: string
  /** Hosts are numbered from 1 through all groups. */
  readonly groups: readonly Group[]
  readonly cluster?: object
  /** Per cent; 140 unless said. */
  readonly overprovisioning?: number
  readonly route?: object
  readonly headers?: (request: number) => Readonly<Record<string, string>>
  readonly warmUp?: number
  /** No chance is involved. */
  readonly exact?: boolean
  /** Shares by the number of the host, as expected by Envoy's rules and seen on it. */
  readonly envoy: Readonly<Record<string, number>>
}

interface Group {
  readonly zone?: string
  readonly priority?: number
  readonly weight?: number
  /** 'h' healthy, 'u' unhealthy, 'd' degraded; a digit is the weight of a healthy host. */
  readonly hosts: string
  readonly metadata?: readonly object[]
}

function endpointOf(letter: string, address: string, port: number, metadata: object | undefined): object {
  const status = letter === 'u' ? 'UNHEALTHY' : letter === 'd' ? 'DEGRADED' : 'HEALTHY'
  const weight = /\d/.test(letter) ? { load_balancing_weight: Number(letter) } : {}
  const lb = metadata === undefined ? {} : { metadata: { filter_metadata: { 'envoy.lb': metadata } } }
  return { endpoint: { address: socketAddress(port, address) }, health_status: status, ...weight, ...lb }
}

export function caseCluster(one: BalancingCase, index: number, port: number): object {
  let number = 0
  const localities = one.groups.map(({ zone, priority = 0, weight, hosts, metadata }) => ({
    priority,
    ...(zone === undefined ? {} : { locality: { zone } }),
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
    lb_endpoints: [...hosts].map((letter, at) =>
      endpointOf(letter, `127.1.${index}.${++number}`, port, metadata?.[at]),
    ),
  }))
  const name = `c${index}`
  const policy = { overprovisioning_factor: one.overprovisioning ?? 140 }
  return staticCluster(name, 0, {
    load_assignment: { cluster_name: name, endpoints: localities, policy },
    ...one.cluster,
  })
}

export function caseRoute(one: BalancingCase, index: number): object {
  return { match: { prefix: `/${index}/` }, route: { cluster: `c${index}`, ...one.route } }
}

/** What this proxy is one of: two hosts in each of zones a and b, one in c. */
export const LOCAL_CLUSTER = staticCluster('me', 0, {
  load_assignment: {
    cluster_name: 'me',
    endpoints: [
      { locality: { zone: 'a' }, lb_endpoints: [1, 2].map(at => endpointOf('h', `127.2.0.${at}`, 1, undefined)) },
      { locality: { zone: 'b' }, lb_endpoints: [3, 4].map(at => endpointOf('h', `127.2.0.${at}`, 1, undefined)) },
      { locality: { zone: 'c' }, lb_endpoints: [5].map(at => endpointOf('h', `127.2.0.${at}`, 1, undefined)) },
    ],
  },
})

const policy = (type: string, config: object = {}): object => ({
  load_balancing_policy: {
    policies: [{ typed_extension_config: { name: 'p', typed_config: { '@type': `${POLICIES}.${type}`, ...config } } }],
  },
})
const inner = (type: string, config: object = {}): object =>
  policy(type, config)['load_balancing_policy' as keyof object]
const REPORTS = { blackout_period: '0s', weight_update_period: '0.1s' }
const panic = (value: number): object => ({ common_lb_config: { healthy_panic_threshold: { value } } })
const evenly = (...hosts: number[]): Record<string, number> =>
  Object.fromEntries(hosts.map(host => [host, 1 / hosts.length]))
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)
const share = (part: number, ...hosts: number[]): Record<string, number> =>
  Object.fromEntries(hosts.map(host => [host, part / hosts.length]))

export const CASES: readonly BalancingCase[] = [
  { about: 'round robin', groups: [{ hosts: 'hhhh' }], exact: true, envoy: evenly(1, 2, 3, 4) },
  { about: 'round robin by weight', groups: [{ hosts: '31' }], exact: true, envoy: { 1: 0.75, 2: 0.25 } },
  {
    about: 'round robin by weights far apart',
    groups: [{ hosts: '951' }],
    exact: true,
    envoy: { 1: 9 / 15, 2: 5 / 15, 3: 1 / 15 },
  },
  { about: 'random', groups: [{ hosts: 'hhhh' }], cluster: { lb_policy: 'RANDOM' }, envoy: evenly(1, 2, 3, 4) },
  {
    about: 'random knows no weights',
    groups: [{ hosts: '91' }],
    cluster: { lb_policy: 'RANDOM' },
    envoy: evenly(1, 2),
  },
  {
    about: 'least request',
    groups: [{ hosts: 'hhh' }],
    cluster: { lb_policy: 'LEAST_REQUEST' },
    envoy: evenly(1, 2, 3),
  },
  {
    about: 'least request by weight',
    groups: [{ hosts: '31' }],
    cluster: { lb_policy: 'LEAST_REQUEST' },
    exact: true,
    envoy: { 1: 0.75, 2: 0.25 },
  },
  {
    about: 'least request, all hosts looked at',
    groups: [{ hosts: 'hhhh' }],
    cluster: policy('least_request.v3.LeastRequest', { selection_method: 'FULL_SCAN' }),
    envoy: evenly(1, 2, 3, 4),
  },
  {
    about: 'maglev without a key',
    groups: [{ hosts: 'hhhh' }],
    cluster: { lb_policy: 'MAGLEV' },
    envoy: evenly(1, 2, 3, 4),
  },
  {
    about: 'maglev by weight',
    groups: [{ hosts: '31' }],
    cluster: { lb_policy: 'MAGLEV' },
    envoy: { 1: 0.75, 2: 0.25 },
  },
  {
    about: 'subsets: what the route asks for',
    groups: [{ hosts: 'hhh', metadata: [{ v: '1' }, { v: '1' }, { v: '2' }] }],
    cluster: { lb_subset_config: { subset_selectors: [{ keys: ['v'] }] } },
    route: { metadata_match: { filter_metadata: { 'envoy.lb': { v: '1' } } } },
    exact: true,
    envoy: evenly(1, 2),
  },
  {
    about: 'subsets: nobody has it, any host will do',
    groups: [{ hosts: 'hhh', metadata: [{ v: '1' }, { v: '1' }, { v: '2' }] }],
    cluster: { lb_subset_config: { fallback_policy: 'ANY_ENDPOINT', subset_selectors: [{ keys: ['v'] }] } },
    route: { metadata_match: { filter_metadata: { 'envoy.lb': { v: '3' } } } },
    exact: true,
    envoy: evenly(1, 2, 3),
  },
  {
    about: 'subsets: the default subset',
    groups: [{ hosts: 'hhh', metadata: [{ v: '1' }, { v: '1' }, { v: '2' }] }],
    cluster: {
      lb_subset_config: {
        fallback_policy: 'DEFAULT_SUBSET',
        default_subset: { v: '2' },
        subset_selectors: [{ keys: ['v'] }],
      },
    },
    exact: true,
    envoy: { 3: 1 },
  },
  {
    about: 'override_host: the host of a header, else the policy',
    groups: [{ hosts: 'hhh' }],
    cluster: policy('override_host.v3.OverrideHost', {
      override_host_sources: [{ header: 'x-host' }],
      fallback_policy: inner('round_robin.v3.RoundRobin'),
    }),
    headers: request => (request % 2 === 0 ? { 'x-host': '127.9.9.9:1' } : {}),
    exact: true,
    envoy: evenly(1, 2, 3),
  },
  {
    about: 'weights that hosts report',
    groups: [{ hosts: 'hhh' }],
    cluster: policy('client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin', REPORTS),
    warmUp: 1000,
    // Utilization 0.1, 0.2 and 0.3 at one rate.
    envoy: { 1: 6 / 11, 2: 3 / 11, 3: 2 / 11 },
  },
  {
    about: 'wrr_locality: by the weights of localities, within them by what hosts report',
    groups: [
      { zone: 'a', weight: 1, hosts: 'hh' },
      { zone: 'b', weight: 3, hosts: 'h' },
    ],
    cluster: policy('wrr_locality.v3.WrrLocality', {
      endpoint_picking_policy: inner('client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin', REPORTS),
    }),
    warmUp: 1000,
    envoy: { 1: 1 / 6, 2: 1 / 12, 3: 3 / 4 },
  },
  {
    about: 'locality weights, one locality half well',
    groups: [
      { zone: 'a', weight: 1, hosts: 'hu' },
      { zone: 'b', weight: 1, hosts: 'hh' },
    ],
    cluster: { common_lb_config: { locality_weighted_lb_config: {} } },
    exact: true,
    envoy: { 1: 0.7 / 1.7, 3: 0.5 / 1.7, 4: 0.5 / 1.7 },
  },
  ...(
    [
      ['hhhhhhhhhu', 1],
      ['hhhhhhhuuu', 0.98],
      ['hhhhhuuuuu', 0.7],
      ['hhhuuuuuuu', 0.42],
      ['uuuuuuuuuu', 0],
    ] as const
  ).map(([hosts, kept]): BalancingCase => {
    const well = hosts.split('u')[0]!.length
    return {
      about: `P0 with ${well} of 10 hosts well, P1 all well`,
      groups: [{ hosts }, { priority: 1, hosts: 'hh' }],
      envoy: { ...share(kept, ...upTo(well)), ...share(1 - kept, 11, 12) },
    }
  }),
  {
    about: 'three priorities of a quarter each, the last all well',
    groups: [{ hosts: 'huuu' }, { priority: 1, hosts: 'huuu' }, { priority: 2, hosts: 'hhhh' }],
    envoy: { 1: 0.35, 5: 0.35, ...share(0.3, 9, 10, 11, 12) },
  },
  {
    about: 'two priorities of a quarter each without panic: half and half',
    groups: [{ hosts: 'huuu' }, { priority: 1, hosts: 'huuu' }],
    cluster: panic(0),
    envoy: { 1: 0.5, 5: 0.5 },
  },
  {
    about: 'two priorities in panic: all hosts',
    groups: [{ hosts: 'huuu' }, { priority: 1, hosts: 'huuu' }],
    envoy: evenly(1, 2, 3, 4, 5, 6, 7, 8),
  },
  {
    about: 'panic in the first of two: 5 and 65 per cent well',
    groups: [{ hosts: 'huuuuuuuuuuuuuuuuuuu' }, { priority: 1, hosts: 'hhhhhhhhhhhhhuuuuuuu' }],
    envoy: { ...share(0.07, ...upTo(20)), ...share(0.93, ...upTo(13).map(host => host + 20)) },
  },
  {
    about: 'overprovisioning 2: half of P0 suffices',
    groups: [{ hosts: 'hhuu' }, { priority: 1, hosts: 'hh' }],
    overprovisioning: 200,
    exact: true,
    envoy: evenly(1, 2),
  },
  {
    about: 'degraded hosts take what healthy ones cannot',
    groups: [{ hosts: `hhhhh${'d'.repeat(13)}uu` }],
    envoy: { ...share(0.35, 1, 2, 3, 4, 5), ...share(0.65, ...upTo(13).map(host => host + 5)) },
  },
  { about: 'degraded hosts are not needed', groups: [{ hosts: 'hhhhhhhhdd' }], exact: true, envoy: evenly(...upTo(8)) },
  {
    about: 'panic: below half of the hosts all are used',
    groups: [{ hosts: 'huuu' }],
    exact: true,
    envoy: evenly(1, 2, 3, 4),
  },
  { about: 'no panic at half', groups: [{ hosts: 'hhuu' }], exact: true, envoy: evenly(1, 2) },
  { about: 'no panic, nobody well', groups: [{ hosts: 'uuu' }], cluster: panic(0), exact: true, envoy: { none: 1 } },
  {
    about: 'zones: fewer hosts here than callers, the rest goes where room is',
    groups: [
      { zone: 'a', hosts: 'hh' },
      { zone: 'b', hosts: 'hhhh' },
      { zone: 'c', hosts: 'hh' },
    ],
    envoy: { ...share(0.625, 1, 2), ...share(0.25, 3, 4, 5, 6), ...share(0.125, 7, 8) },
  },
  {
    about: 'zones: enough hosts here, everything stays',
    groups: [
      { zone: 'a', hosts: 'hhhh' },
      { zone: 'b', hosts: 'hh' },
    ],
    exact: true,
    envoy: evenly(1, 2, 3, 4),
  },
  {
    about: 'zones: none of the hosts is here',
    groups: [
      { zone: 'b', hosts: 'hhhh' },
      { zone: 'c', hosts: 'hhhh' },
    ],
    envoy: { ...share(1 / 3, 1, 2, 3, 4), ...share(2 / 3, 5, 6, 7, 8) },
  },
  {
    about: 'zones: too few hosts to look at zones',
    groups: [
      { zone: 'a', hosts: 'hh' },
      { zone: 'b', hosts: 'hhh' },
    ],
    exact: true,
    envoy: evenly(1, 2, 3, 4, 5),
  },
  {
    about: 'zones: random stays here too',
    groups: [
      { zone: 'a', hosts: 'hhh' },
      { zone: 'b', hosts: 'hhh' },
    ],
    cluster: { lb_policy: 'RANDOM' },
    envoy: evenly(1, 2, 3),
  },
]
