// Variations of attempts: retry conditions and headers, predicates, priorities, back-off, timeouts, hedging, breakers.
import type { Answer, AnswerPlan } from './origins.ts'
import type { Ask, HostRow, Reply, Side } from './side.ts'
import { cluster, type Dice, endpoint, type Hosts, type Seen, typed, type Variation } from './variation.ts'

const CONDITIONS = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]
const REQUESTS = 12

function answerOf(dice: Dice): Answer {
  return dice.one<() => Answer>([
    () => ({ status: dice.one([200, 200, 201, 404, 409, 418, 429, 500, 501, 502, 503, 504, 599]) }),
    () => ({ status: dice.one([500, 502, 503, 504]) }),
    () => ({ status: 200, headers: { 'grpc-status': dice.one(['0', '1', '4', '8', '13', '14', '2']) } }),
    () => ({ status: dice.one([200, 503]), headers: { 'x-again': 'yes' } }),
    () => ({ status: dice.one([429, 503]), headers: { 'x-envoy-ratelimited': 'true' } }),
    () => ({ status: 503, headers: { 'x-envoy-overloaded': 'true' } }),
    // Later than the keep-alive race would have it, which is played again here and not by Envoy.
    () => ({ waitMs: 300, fate: dice.one(['fin', 'rst'] as const) }),
    () => ({ status: dice.one([200, 503]), headers: { 'x-envoy-upstream-canary': dice.one(['true', 'false']) } }),
  ])()
}

const planOf = (dice: Dice): AnswerPlan => ({ attempts: Array.from({ length: dice.int(1, 4) }, () => answerOf(dice)) })

function retryPolicy(dice: Dice): object {
  return {
    retry_on: dice.some(CONDITIONS, 0.3).join(','),
    ...(dice.chance(0.7) ? { num_retries: dice.int(0, 4) } : {}),
    ...(dice.chance(0.5) ? { retriable_status_codes: dice.some([200, 404, 418, 500, 599], 0.5) } : {}),
    ...(dice.chance(0.5) ? { retriable_headers: [{ name: 'x-again', present_match: true }] } : {}),
    ...(dice.chance(0.2)
      ? { retriable_request_headers: [{ name: ':method', string_match: { exact: dice.one(['GET', 'POST']) } }] }
      : {}),
    retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
    ...(dice.chance(0.3)
      ? { rate_limited_retry_back_off: { reset_headers: [{ name: 'x-reset', format: 'SECONDS' }] } }
      : {}),
    ...hostChoice(dice),
  }
}

function hostChoice(dice: Dice): object {
  const predicates = dice.some(['previous_hosts', 'omit_canary_hosts', 'omit_host_metadata'], 0.3).map(name => {
    const types: Record<string, [string, object]> = {
      previous_hosts: ['retry.host.previous_hosts.v3.PreviousHostsPredicate', {}],
      omit_canary_hosts: ['retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate', {}],
      omit_host_metadata: [
        'retry.host.omit_host_metadata.v3.OmitHostMetadataConfig',
        { metadata_match: { filter_metadata: { 'envoy.lb': { stage: 'bad' } } } },
      ],
    }
    const [type, config] = types[name] as [string, object]
    return { name: `envoy.retry_host_predicates.${name}`, ...typed(type, config) }
  })
  const priority = dice.chance(0.25)
    ? {
        retry_priority: {
          name: 'envoy.retry_priorities.previous_priorities',
          ...typed('retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', {
            update_frequency: dice.int(1, 2),
          }),
        },
      }
    : {}
  const many = predicates.length > 0 ? { host_selection_retry_max_attempts: 50 } : {}
  return { ...(predicates.length > 0 ? { retry_host_predicate: predicates } : {}), ...priority, ...many }
}

function requestHeaders(dice: Dice): Record<string, string> {
  return {
    ...(dice.chance(0.3) ? { 'x-envoy-retry-on': dice.some(CONDITIONS, 0.3).join(',') } : {}),
    ...(dice.chance(0.2) ? { 'x-envoy-max-retries': String(dice.int(0, 3)) } : {}),
    ...(dice.chance(0.15) ? { 'x-envoy-retriable-status-codes': dice.one(['404', '418,599', 'x,200']) } : {}),
    ...(dice.chance(0.15) ? { 'x-envoy-retriable-header-names': dice.one(['x-again', 'x-none, X-Again']) } : {}),
    ...(dice.chance(0.1) ? { 'x-envoy-retry-grpc-on': dice.one(['unavailable', 'internal,cancelled']) } : {}),
  }
}

/** Host `refused` takes no connections. Half of them are canaries or bad. */
function hostsOf(hosts: Hosts, count: number, priorities: number, refused: number): readonly object[] {
  const groups: object[][] = Array.from({ length: priorities }, () => [])
  for (let host = 1; host <= count; host++) {
    const lb = { canary: host % 3 === 0, stage: host % 2 === 0 ? 'bad' : 'good' }
    const metadata = { filter_metadata: { 'envoy.lb': lb } }
    const port = host === refused ? hosts.closedPort : hosts.port
    groups[host % priorities]?.push(endpoint(hosts.address(host), port, { metadata }))
  }
  return groups.map((lb_endpoints, priority) => ({ priority, locality: { region: 'r', zone: 'b' }, lb_endpoints }))
}

export function retries(dice: Dice): Variation {
  const count = dice.int(1, 4)
  const priorities = Math.min(count, dice.one([1, 1, 2]))
  const refused = dice.chance(0.25) ? dice.int(1, count) : 0
  const policy = retryPolicy(dice)
  const asks = Array.from(
    { length: REQUESTS },
    (): Ask => ({
      method: dice.one(['GET', 'GET', 'POST']),
      headers: requestHeaders(dice),
      plan: planOf(dice),
    }),
  )
  const breakers = { circuit_breakers: { thresholds: [{ max_retries: 1000 }] } }
  return {
    about: `retries ${JSON.stringify({ policy, count, priorities, refused, asks })}`,
    clusters: (name, hosts) => [cluster(name, hostsOf(hosts, count, priorities, refused), breakers)],
    route: name => ({ route: { cluster: name, retry_policy: policy } }),
    run: async (side, index) => {
      const replies: Reply[] = []
      for (const ask of asks) replies.push(await side.ask(index, ask))
      // Which host is asked first is chance, and with a refusing or unlike one everything else follows.
      const chance = refused > 0 && count > 1
      return summary(side, index, replies, chance, count === 1)
    },
  }
}

const VOLATILE = new Set([
  'date',
  'x-request-id',
  'x-host',
  'x-envoy-upstream-service-time',
  'connection',
  'keep-alive',
  'transfer-encoding',
])

async function summary(
  side: Side,
  index: number,
  replies: readonly Reply[],
  chance: boolean,
  one: boolean,
): Promise<Seen> {
  const answers = replies.map(({ status, flags, details, headers, error }) => ({
    said: `${status} ${flags} ${details} ${error}`,
    headers: Object.keys(headers)
      .filter(name => !VOLATILE.has(name))
      .sort()
      .join(),
  }))
  const asked = side.askedOf(index)
  const origin = asked.map(({ headers }) => `${headers['x-envoy-attempt-count']} ${Object.keys(headers).sort().join()}`)
  const stats = Object.fromEntries(
    Object.entries(await side.stats(index)).filter(
      ([name]) => !(chance ? /./ : one ? /^upstream_cx|pending_total/ : /^upstream_cx|pending_total|canary/).test(name),
    ),
  )
  const hosts = one ? (await side.hosts(index)).map(requestsOf) : []
  if (!chance) return { exact: { answers, origin, stats, hosts } }
  return { shares: tally(answers.map(({ said }) => said)) }
}

/** How often connections are made is nobody's rule. */
const requestsOf = ({ stats }: HostRow): object =>
  Object.fromEntries(Object.entries(stats).filter(([name]) => name.startsWith('rq_')))

function tally(list: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const one of list) counts[one] = (counts[one] ?? 0) + 1
  return counts
}

/** Times in steps far enough apart that a busy machine does not swap them; what is waited for falls between what is answered. */
const STEP_MS = 300
const BETWEEN_MS = 130

export function timeouts(dice: Dice): Variation {
  let offsetMs = 0
  const steps = (low: number, high: number): string => {
    offsetMs += 20
    return `${(dice.int(low, high) * STEP_MS + BETWEEN_MS + offsetMs) / 1000}s`
  }
  const policy = {
    retry_on: dice.one(['5xx', 'reset', 'gateway-error', 'retriable-4xx', 'connect-failure', '']),
    num_retries: dice.int(0, 2),
    retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
    ...(dice.chance(0.6) ? { per_try_timeout: steps(0, 3) } : {}),
    ...(dice.chance(0.25) ? { per_try_idle_timeout: steps(0, 3) } : {}),
  }
  const route = {
    ...(dice.chance(0.7) ? { timeout: dice.one(['0s', steps(1, 4), steps(1, 4)]) } : {}),
    ...(dice.chance(0.2) ? { idle_timeout: steps(1, 3) } : {}),
    ...(dice.chance(0.2) ? { max_stream_duration: { max_stream_duration: steps(1, 4) } } : {}),
    ...(dice.chance(0.3) ? { hedge_policy: { hedge_on_per_try_timeout: true } } : {}),
    retry_policy: policy,
  }
  const late = (): Answer => ({
    waitMs: dice.int(0, 4) * STEP_MS,
    pauseMs: dice.one([0, 0, 0, dice.int(1, 3) * STEP_MS]),
    status: dice.one([200, 200, 503, 500]),
  })
  const header = (name: string, of: () => string): Record<string, string> => (dice.chance(0.15) ? { [name]: of() } : {})
  const asks = Array.from(
    { length: 8 },
    (): Ask => ({
      headers: {
        ...header('x-envoy-upstream-rq-timeout-ms', () => String(dice.int(1, 4) * STEP_MS + 220)),
        ...header('x-envoy-upstream-rq-per-try-timeout-ms', () => String(dice.int(0, 2) * STEP_MS + 255)),
        ...header('x-envoy-upstream-rq-timeout-alt-response', () => '1'),
        ...header('x-envoy-hedge-on-per-try-timeout', () => dice.one(['true', 'false'])),
      },
      plan: { attempts: Array.from({ length: 3 }, late) },
    }),
  )
  return {
    about: `timeouts ${JSON.stringify({ route, asks })}`,
    clusters: (name, hosts) => [
      cluster(name, hostsOf(hosts, 1, 1, 0), { circuit_breakers: { thresholds: [{ max_retries: 1000 }] } }),
    ],
    route: name => ({ route: { cluster: name, ...route } }),
    run: async (side, index) => {
      await Promise.all(asks.map(() => side.ask(index)))
      const replies = await Promise.all(asks.map(ask => side.ask(index, ask)))
      const answers = replies.map(({ status, flags, details, headers, error }) => ({
        said: `${status} ${flags} ${details} ${error}`,
        headers: Object.keys(headers)
          .filter(name => !VOLATILE.has(name))
          .sort()
          .join(),
      }))
      const near = Object.fromEntries(replies.map(({ ms }, at) => [`ms of ${at}`, [Math.round(ms), 100] as const]))
      const stats = Object.fromEntries(
        Object.entries(await side.stats(index)).filter(
          ([name]) => !/^upstream_cx_(total|active)|pending_total/.test(name),
        ),
      )
      const expected = side.askedOf(index).map(({ headers }) => Number(headers['x-envoy-expected-rq-timeout-ms'] ?? -1))
      // What is left of a timeout depends on how long the attempt before took to the millisecond.
      const left = Object.fromEntries(expected.sort((a, b) => a - b).map((ms, at) => [`left ${at}`, [ms, 80] as const]))
      const hosts = (await side.hosts(index)).map(requestsOf)
      return { exact: { answers, stats, hosts, asked: expected.length }, near: { ...near, ...left } }
    },
  }
}

export function breakers(dice: Dice): Variation {
  const limit = (): number => dice.int(1, 6)
  const thresholds = (priority: string): object => ({
    priority,
    ...(dice.chance(0.5) ? { max_connections: limit() } : {}),
    ...(dice.chance(0.5) ? { max_pending_requests: limit() } : {}),
    ...(dice.chance(0.5) ? { max_requests: limit() } : {}),
    ...(dice.chance(0.5) ? { max_retries: limit() } : {}),
    ...(dice.chance(0.3)
      ? {
          retry_budget: {
            budget_percent: { value: dice.one([0, 20, 50, 100]) },
            min_retry_concurrency: dice.int(0, 3),
          },
        }
      : {}),
    track_remaining: true,
  })
  const circuit_breakers = {
    thresholds: ['DEFAULT', 'HIGH'].map(thresholds),
    ...(dice.chance(0.3) ? { per_host_thresholds: [{ max_connections: limit() }] } : {}),
  }
  const hosts = dice.int(1, 3)
  const http2 = dice.chance(0.2)
  const burst = dice.int(3, 16)
  const fails = dice.chance(0.5)
  const policy = {
    retry_on: '5xx',
    num_retries: dice.int(1, 2),
    retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
  }
  const route = { priority: dice.one(['DEFAULT', 'HIGH']), ...(fails ? { retry_policy: policy } : {}) }
  const plan: AnswerPlan = {
    attempts: [
      { waitMs: 250, status: fails ? 503 : 200 },
      { waitMs: 250, status: 200 },
    ],
  }
  const one: AnswerPlan = { attempts: [{ status: 200 }] }
  return {
    about: `breakers ${JSON.stringify({ circuit_breakers, hosts, http2, burst, route })}`,
    clusters: (name, at) => [cluster(name, hostsOf(at, hosts, 1, 0), { circuit_breakers })],
    route: name => ({ route: { cluster: name, ...route } }),
    run: async (side, index) => {
      const first = Array.from({ length: burst }, () => side.ask(index, { plan }))
      await new Promise(resolve => setTimeout(resolve, 120))
      // /clusters asks for the limit of retries, which moves its gauge under a budget; when several connections are wanted of
      // one host at once, it is a matter of moments how often.
      const budgeted = JSON.stringify(circuit_breakers).includes('retry_budget')
      const uncertain = budgeted ? /remaining_retries|cx_overflow/ : /cx_overflow/
      const certainly = async (): Promise<Record<string, number>> => {
        const all = Object.entries(breakerStats(await side.stats(index)))
        return Object.fromEntries(all.filter(([name]) => !uncertain.test(name)))
      }
      const during = await certainly()
      const replies = await Promise.all(first)
      const after = await side.ask(index, { plan: one })
      const said = tally([...replies, after].map(({ status, flags, details }) => `${status} ${flags} ${details}`))
      const overloaded = [...replies, after].filter(({ headers }) => headers['x-envoy-overloaded'] !== undefined).length
      const stats = await certainly()
      // With several hosts and connections it is chance which host is full first.
      const certain = hosts === 1 && !fails && !JSON.stringify(circuit_breakers).includes('max_pending')
      return certain
        ? { exact: { said, overloaded, during, stats, hosts: (await side.hosts(index)).map(requestsOf) } }
        : { shares: said, near: loosely(stats, burst + 6) }
    },
  }
}

function loosely(stats: Readonly<Record<string, number>>, by: number): Record<string, readonly [number, number]> {
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, [value, by] as const]))
}

const breakerStats = (stats: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(stats).filter(
      ([name]) =>
        !name.includes('cx_pools') &&
        /breakers|overflow|_active$|_retry|upstream_rq_\d|rq_total|rq_completed|cx_total/.test(name),
    ),
  )
