// Variations of rate limits: descriptors asked for at a service, and token buckets of the proxy's own.
import { GrpcService } from '../../harness/index.ts'
import type { Ask, Reply, Side } from './side.ts'
import { cluster, type Dice, endpoint, type Seen, typed, type Variation } from './variation.ts'

const SERVICE = 'envoy.service.ratelimit.v3'
// Of RateLimitResponse.Code and RateLimit.Unit.
const [OK, OVER_LIMIT, MINUTE, HOUR] = [1, 2, 2, 3]
const FILTERS = 'filters.http'
const NONE = { numerator: 0 }
const ALL = { default_value: { numerator: 100, denominator: 'HUNDRED' } }

interface Question {
  readonly domain?: string
  readonly hitsAddend?: number
  readonly descriptors?: readonly {
    readonly entries?: readonly { readonly key?: string; readonly value?: string }[]
    readonly hitsAddend?: unknown
  }[]
}

/** Says no to descriptors with `refuse` in them; its answers depend on nothing else. */
export class RateLimiter {
  readonly questions: Question[] = []
  private readonly service: GrpcService<Question>

  private constructor(service: GrpcService<Question>) {
    this.service = service
  }

  static async start(): Promise<RateLimiter> {
    const answer = (question: Question): object => limiter.answer(question)
    const service = await GrpcService.start<Question>(
      `${SERVICE}.RateLimitRequest`,
      `${SERVICE}.RateLimitResponse`,
      answer,
    )
    const limiter = new RateLimiter(service)
    return limiter
  }

  private answer(question: Question): object {
    this.questions.push(question)
    const statuses = (question.descriptors ?? []).map(descriptor => {
      const text = (descriptor.entries ?? []).map(({ key, value }) => `${key}=${value}`).join()
      const limited = text.includes('refuse')
      const code = limited ? OVER_LIMIT : OK
      const unit = text.includes('hour') ? HOUR : MINUTE
      const named = text.includes('named') ? { name: 'a "name"' } : {}
      if (text.includes('unlimited')) return { code }
      const currentLimit = { requestsPerUnit: text.length, unit, ...named }
      return {
        code,
        currentLimit,
        limitRemaining: limited ? 0 : text.length % 7,
        durationUntilReset: { seconds: 17n, nanos: 0 },
      }
    })
    const over = statuses.some(({ code }) => code === OVER_LIMIT)
    const headers = [{ key: 'x-of-limiter', value: 'yes' }]
    return {
      overallCode: over ? OVER_LIMIT : OK,
      statuses,
      responseHeadersToAdd: headers,
      requestHeadersToAdd: headers,
      ...(over ? { rawBody: Buffer.from('too many') } : {}),
    }
  }

  get port(): number {
    return this.service.port
  }

  close(): Promise<void> {
    return this.service.close()
  }
}

function actionOf(dice: Dice): object {
  const key = dice.chance(0.5) ? { descriptor_key: dice.one(['k1', 'k2']) } : {}
  const match = { headers: [{ name: 'x-tenant', string_match: { exact: dice.one(['a', 'b']) } }] }
  return dice.one<() => object>([
    () => ({ source_cluster: {} }),
    () => ({ destination_cluster: {} }),
    () => ({ remote_address: {} }),
    () => ({ masked_remote_address: dice.chance(0.5) ? {} : { v4_prefix_mask_len: dice.int(0, 32) } }),
    () => ({
      request_headers: {
        header_name: dice.one(['x-tenant', 'x-other', ':path', ':method', ':authority']),
        descriptor_key: dice.one(['h1', 'h2']),
        ...(dice.chance(0.5) ? { skip_if_absent: true } : {}),
      },
    }),
    () => ({ generic_key: { descriptor_value: dice.one(['v', 'refuse', 'hour', 'unlimited', 'named']), ...key } }),
    () => ({
      header_value_match: {
        descriptor_value: dice.one(['v', 'refuse']),
        ...key,
        ...match,
        ...(dice.chance(0.4) ? { expect_match: dice.chance(0.5) } : {}),
      },
    }),
    () => ({
      query_parameter_value_match: {
        descriptor_value: 'q',
        ...key,
        query_parameters: [{ name: 'q', ...dice.one([{ present_match: true }, { string_match: { exact: '1' } }]) }],
        ...(dice.chance(0.4) ? { expect_match: dice.chance(0.5) } : {}),
      },
    }),
    () => ({
      query_parameters: {
        query_parameter_name: 'q',
        descriptor_key: 'query',
        ...(dice.chance(0.5) ? { skip_if_absent: true } : {}),
      },
    }),
    () => ({
      metadata: {
        descriptor_key: 'meta',
        source: 'ROUTE_ENTRY',
        metadata_key: { key: 'own', path: [{ key: dice.one(['name', 'number', 'none']) }] },
        ...(dice.chance(0.4) ? { default_value: 'd' } : {}),
        ...(dice.chance(0.4) ? { skip_if_absent: true } : {}),
      },
    }),
    () => ({
      remote_address_match: {
        descriptor_value: dice.one(['in', '%REQ(x-tenant)%']),
        ...key,
        ...(dice.chance(0.4) ? { default_value: 'fallback' } : {}),
        address_matcher: {
          ranges: [{ address_prefix: dice.one(['127.0.0.0', '10.0.0.0']), prefix_len: 8 }],
          ...(dice.chance(0.3) ? { invert_match: true } : {}),
        },
      },
    }),
  ])()
}

const limitsOf = (dice: Dice, filter: boolean): object[] =>
  Array.from({ length: dice.int(1, 3) }, () => ({
    actions: Array.from({ length: dice.int(1, 3) }, () => actionOf(dice)),
    ...(!filter && dice.chance(0.2) ? { stage: dice.int(0, 1) } : {}),
    ...(filter && dice.chance(0.4) ? { hits_addend: { number: dice.int(0, 9) } } : {}),
    ...(filter && dice.chance(0.2) ? { x_ratelimit_option: dice.one(['OFF', 'DRAFT_VERSION_03']) } : {}),
  }))

const askOf = (dice: Dice): Ask => ({
  method: dice.one(['GET', 'POST']),
  path: dice.one(['', '?q=1', '?q=2&x=3', '?q=']),
  headers: {
    host: 'origin.test',
    ...(dice.chance(0.6) ? { 'x-tenant': dice.one(['a', 'b', '']) } : {}),
    ...(dice.chance(0.3) ? { 'x-other': 'o' } : {}),
  },
})

/** Of the network filters that a variation brings, each side talks to a service of its own. */
export const limiters = new WeakMap<object, RateLimiter>()

/** The service's cluster is `rls`; the filter is the same for all variations of a run. */
export function serviceFilter(dice: Dice): { readonly name: string } {
  return {
    name: 'ratelimit',
    ...typed(`${FILTERS}.ratelimit.v3.RateLimit`, {
      domain: 'd',
      timeout: '5s',
      ...(dice.chance(0.6) ? { enable_x_ratelimit_headers: 'DRAFT_VERSION_03' } : {}),
      ...(dice.chance(0.3) ? { disable_x_envoy_ratelimited_header: true } : {}),
      ...(dice.chance(0.3) ? { rate_limited_status: { code: 'ServiceUnavailable' } } : {}),
      ...(dice.chance(0.3) ? { rate_limited_as_resource_exhausted: true } : {}),
      ...(dice.chance(0.3) ? { enable_retry_after_header: true } : {}),
      ...(dice.chance(0.3) ? { request_type: dice.one(['internal', 'external', 'both']) } : {}),
      ...(dice.chance(0.3)
        ? { response_headers_to_add: [{ header: { key: 'x-limited', value: '%RESPONSE_CODE%' } }] }
        : {}),
      rate_limit_service: { transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: 'rls' } } },
    }),
  }
}

export function globalLimits(filter: { readonly name: string }): (dice: Dice) => Variation {
  return dice => {
    const ofRoute = dice.chance(0.7) ? { rate_limits: limitsOf(dice, false) } : {}
    const own = dice.chance(0.4)
      ? {
          ratelimit: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute',
            ...(dice.chance(0.5) ? { domain: 'other' } : {}),
            ...(dice.chance(0.5) ? { rate_limits: limitsOf(dice, true) } : {}),
            ...(dice.chance(0.3) ? { vh_rate_limits: dice.one(['OVERRIDE', 'INCLUDE', 'IGNORE']) } : {}),
          },
        }
      : {}
    const asks = Array.from({ length: 8 }, () => askOf(dice))
    return {
      about: `global limits ${JSON.stringify({ filter, ofRoute, own, asks })}`,
      filters: [filter],
      clusters: (name, hosts) => [cluster(name, [{ lb_endpoints: [endpoint(hosts.address(1), hosts.port)] }])],
      route: name => ({
        route: { cluster: name, ...ofRoute },
        metadata: { filter_metadata: { own: { name: 'n', number: 3 } } },
        typed_per_filter_config: own,
      }),
      run: async (side, index) => {
        const limiter = limiters.get(side.origins) as RateLimiter
        const seen: unknown[] = []
        for (const ask of asks) {
          const from = limiter.questions.length
          const reply = await side.ask(index, ask)
          seen.push({ ...said(reply), asked: limiter.questions.slice(from).map(shown) })
        }
        const origin = side.askedOf(index).map(({ headers }) => Object.keys(headers).sort().join())
        return { exact: { seen, origin, stats: await side.stats(index) } }
      },
    }
  }
}

const shown = ({ domain, hitsAddend, descriptors }: Question): object => ({
  domain,
  hitsAddend: hitsAddend ?? 0,
  // The address of the cluster is that of its place, the same on both sides.
  descriptors: (descriptors ?? []).map(({ entries = [], hitsAddend: hits }) => {
    return `${entries.map(({ key, value }) => `${key}=${value}`).join()} ${hits ?? ''}`
  }),
})

function said({ status, flags, details, headers, error }: Reply): object {
  const kept = Object.entries(headers).filter(([name]) => !/^(date|x-envoy-upstream-service-time|x-host)$/.test(name))
  return { status, flags, details, error, headers: Object.fromEntries(kept.filter(([, value]) => value !== undefined)) }
}

const DESCRIPTORS = [
  [{ key: 'h1', value: 'a' }],
  [{ key: 'h1', value: 'b' }],
  [{ key: 'generic_key', value: 'v' }],
  [
    { key: 'h1', value: 'a' },
    { key: 'generic_key', value: 'v' },
  ],
]

export function localLimits(dice: Dice): Variation {
  // Nothing is filled while it is played.
  const bucket = (most: number): object => ({ max_tokens: dice.int(1, most), fill_interval: '3600s' })
  const descriptors = dice.some(DESCRIPTORS, 0.5).map(entries => ({
    entries,
    token_bucket: bucket(5),
    ...(dice.chance(0.2) ? { shadow_mode: true } : {}),
  }))
  const actions: object[][] = [
    [{ request_headers: { header_name: 'x-tenant', descriptor_key: 'h1' } }],
    [{ generic_key: { descriptor_value: 'v' } }],
    [
      { request_headers: { header_name: 'x-tenant', descriptor_key: 'h1' } },
      { generic_key: { descriptor_value: 'v' } },
    ],
  ]
  const rate_limits = dice.some(actions, 0.6).map(list => ({ actions: list }))
  const inside = dice.chance(0.5)
  const plan = {
    stat_prefix: 'lrl',
    token_bucket: bucket(8),
    filter_enabled: dice.chance(0.9) ? ALL : { default_value: NONE },
    filter_enforced: dice.chance(0.8) ? ALL : { default_value: NONE },
    ...(dice.chance(0.4) ? { enable_x_ratelimit_headers: 'DRAFT_VERSION_03' } : {}),
    ...(dice.chance(0.3) ? { status: { code: dice.one(['ServiceUnavailable', 'Forbidden', 'OK']) } } : {}),
    ...(dice.chance(0.3) ? { response_headers_to_add: [{ header: { key: 'x-limited', value: 'local' } }] } : {}),
    ...(dice.chance(0.3)
      ? { request_headers_to_add_when_not_enforced: [{ header: { key: 'x-would', value: 'yes' } }] }
      : {}),
    ...(dice.chance(0.3) ? { always_consume_default_token_bucket: dice.chance(0.5) } : {}),
    ...(dice.chance(0.5) ? { enable_retry_after_header: true } : {}),
    ...(dice.chance(0.2) ? { rate_limited_as_resource_exhausted: true } : {}),
    ...(descriptors.length > 0 ? { descriptors } : {}),
    ...(inside && rate_limits.length > 0 ? { rate_limits } : {}),
    // The cluster has a few hosts, so few requests pass.
    ...(dice.chance(0.15) ? { local_cluster_rate_limit: {} } : {}),
  }
  const asks = Array.from({ length: 24 }, () => askOf(dice))
  return {
    about: `local limits ${JSON.stringify({ plan, rate_limits, asks: asks.map(({ headers }) => headers) })}`,
    filters: [
      { name: 'local', ...typed(`${FILTERS}.local_ratelimit.v3.LocalRateLimit`, { stat_prefix: 'none' }) } as {
        readonly name: string
      },
    ],
    clusters: (name, hosts) => [cluster(name, [{ lb_endpoints: [endpoint(hosts.address(1), hosts.port)] }])],
    route: name => ({
      route: { cluster: name, ...(inside ? {} : { rate_limits }) },
      typed_per_filter_config: {
        local: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
          ...plan,
        },
      },
    }),
    run: async (side: Side, index): Promise<Seen> => {
      const seen: object[] = []
      for (const ask of asks) seen.push(resetAside(said(await side.ask(index, ask))))
      const origin = side.askedOf(index).map(({ headers }) => Object.keys(headers).sort().join())
      return { exact: { seen, origin, stats: await side.stats(index) } }
    },
  }
}

/** Seconds until something is filled tick on. */
function resetAside(reply: object): object {
  const text = JSON.stringify(reply).replace(/("(?:x-ratelimit-reset|retry-after)":")(\d+)/g, (_, head, seconds) => {
    return `${head}${Math.round(Number(seconds) / 100)}`
  })
  return JSON.parse(text)
}
