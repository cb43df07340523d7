// Variations of how hosts are found to be well or not: active checks step by step, outliers by their traffic.
import type { Answer } from './origins.ts'
import type { Side } from './side.ts'
import { cluster, type Dice, endpoint, type Seen, type Variation } from './variation.ts'

const HOSTS = 4
const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const flagsOf = async (side: Side, index: number): Promise<readonly string[]> =>
  (await side.hosts(index)).map(({ flags }) => flags)

const UNSTEADY = /^upstream_cx|pending_total|health_check\.attempt|lb_healthy_panic/

async function steadyStats(side: Side, index: number): Promise<object> {
  const stats = Object.entries(await side.stats(index))
  return Object.fromEntries(stats.filter(([name]) => !UNSTEADY.test(name)))
}

const INTERVAL_MS = 3000
/** The success rate of these answers, as /clusters prints it. */
function ratesOf(answers: readonly Answer[]): string {
  const failed = answers.filter(({ status = 200, fate }) => status >= 500 || fate !== undefined)
  return ((100 * (answers.length - failed.length)) / answers.length).toFixed(1)
}

export function outliers(dice: Dice): Variation {
  const enforcing = (name: string): object => (dice.chance(0.4) ? { [name]: dice.one([0, 100]) } : {})
  const split = dice.chance(0.3)
  const detection = {
    interval: `${INTERVAL_MS / 1000}s`,
    base_ejection_time: '30s',
    max_ejection_percent: dice.one([10, 25, 50, 100]),
    ...(dice.chance(0.7) ? { consecutive_5xx: dice.int(1, 6) } : {}),
    ...(dice.chance(0.5) ? { consecutive_gateway_failure: dice.int(1, 5) } : {}),
    ...(split ? { split_external_local_origin_errors: true } : {}),
    ...(dice.chance(0.4) ? { consecutive_local_origin_failure: dice.int(1, 4) } : {}),
    ...(dice.chance(0.4) ? { success_rate_minimum_hosts: dice.int(2, 5), success_rate_request_volume: 5 } : {}),
    ...(dice.chance(0.4) ? { success_rate_stdev_factor: dice.one([500, 1000, 1900]) } : {}),
    ...(dice.chance(0.4)
      ? {
          failure_percentage_minimum_hosts: dice.int(1, 4),
          failure_percentage_request_volume: 5,
          failure_percentage_threshold: dice.one([30, 60, 100]),
        }
      : {}),
    ...(dice.chance(0.2) ? { always_eject_one_host: true } : {}),
    ...enforcing('enforcing_consecutive_5xx'),
    ...enforcing('enforcing_consecutive_gateway_failure'),
    ...enforcing('enforcing_consecutive_local_origin_failure'),
    ...enforcing('enforcing_success_rate'),
    ...enforcing('enforcing_failure_percentage'),
  }
  const answer = (): Answer => dice.one<Answer>([{ status: 500 }, { status: 503 }, { status: 404 }, { fate: 'rst' }])
  // What each host answers to each of its requests.
  const plans = Array.from({ length: HOSTS }, (_, host) =>
    Array.from({ length: 12 }, () => (host > 0 && dice.chance(0.3 * host) ? answer() : {})),
  )
  return {
    about: `outliers ${JSON.stringify({ detection, plans })}`,
    clusters: (name, at) => {
      const endpoints = Array.from({ length: HOSTS }, (_, host) => endpoint(at.address(host + 1), at.port))
      const common = { common_lb_config: { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' } }
      const own = { ...common, outlier_detection: detection, load_balancing_policy: BY_NAME }
      return [cluster(name, [{ lb_endpoints: endpoints }], own)]
    },
    route: name => ({ route: { cluster: name } }),
    run: async (side, index): Promise<Seen> => {
      // All of it within one interval, as often as not; POST is never sent twice.
      const play = async (answers: readonly Answer[], host: number): Promise<void> => {
        const headers = { 'x-host': `${side.address(index, host + 1)}:${side.origins.port}` }
        for (const one of answers) await side.ask(index, { method: 'POST', headers, plan: { attempts: [one] } })
      }
      await Promise.all(plans.map(play))
      const until = performance.now() + INTERVAL_MS + 300
      let hosts = await side.hosts(index)
      // Rates are there for one interval.
      while (hosts.every(row => row.rates === '-,-') && performance.now() < until) {
        await wait(60)
        hosts = await side.hosts(index)
      }
      await wait(100)
      const rates = hosts.map(row => row.rates)
      hosts = await side.hosts(index)
      const all = Object.entries(await side.stats(index))
      // What is found and not enforced is counted again and again, as fast as Envoy's main thread hears of it.
      const stats = Object.fromEntries(
        all.filter(([name]) => /enforced|ejections_active|membership|upstream_rq_[\dac]/.test(name)),
      )
      // Where not all may go, it goes by who was asked first.
      const capped = detection.max_ejection_percent < 100
      const flags = hosts.map(row => row.flags)
      // An interval that has ended in the middle has cut everything in two.
      const cut =
        !split &&
        rates.some((rate, host) => !(['-', ratesOf(plans[host] ?? [])] as string[]).includes(rate.split(',')[0]!))
      return { exact: { flags: capped ? flags.toSorted() : flags, rates: split ? [] : rates, stats }, void: cut }
    },
  }
}

const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'
/** Each request says which host it is for, ejected or not. */
const BY_NAME = {
  policies: [
    {
      typed_extension_config: {
        name: 'override',
        typed_config: {
          '@type': `${POLICIES}.override_host.v3.OverrideHost`,
          override_host_sources: [{ header: 'x-host' }],
          fallback_policy: {
            policies: [
              {
                typed_extension_config: {
                  name: 'rr',
                  typed_config: { '@type': `${POLICIES}.round_robin.v3.RoundRobin` },
                },
              },
            ],
          },
        },
      },
    },
  ],
}

/** How long an ejected host is out, and how that grows and shrinks. */
export function ejections(dice: Dice): Variation {
  const enforcing = dice.one([0, 100, 100, 100])
  const baseMs = dice.one([400, 800])
  const detection = {
    interval: '0.2s',
    base_ejection_time: `${baseMs / 1000}s`,
    max_ejection_percent: 100,
    consecutive_5xx: 2,
    ...(dice.chance(0.5) ? { max_ejection_time: `${dice.one([0.8, 1.2])}s` } : {}),
    enforcing_consecutive_5xx: enforcing,
  }
  // After each return: how long it does well before it fails again.
  const rests = Array.from({ length: 4 }, () => dice.one([0, 0, 300, 700]))
  return {
    about: `ejections ${JSON.stringify({ detection, rests })}`,
    clusters: (name, at) => {
      const endpoints = [1, 2].map(host => endpoint(at.address(host), at.port))
      const common = { common_lb_config: { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' } }
      const own = { ...common, outlier_detection: detection, load_balancing_policy: BY_NAME }
      return [cluster(name, [{ lb_endpoints: endpoints }], own)]
    },
    route: name => ({ route: { cluster: name } }),
    run: async (side, index): Promise<Seen> => {
      const headers = { 'x-host': `${side.address(index, 1)}:${side.origins.port}` }
      const times: [string, readonly [number, number]][] = []
      for (const [at, rest] of rests.entries()) {
        await wait(rest)
        for (let i = 0; i < 2; i++) await side.ask(index, { method: 'POST', headers, plan: FAILS })
        const from = performance.now()
        // Main hears of it a moment later.
        const goes = enforcing !== 0
        while (goes && (await flagsOf(side, index))[0] === '' && performance.now() - from < 200);
        while ((await flagsOf(side, index))[0] !== '') await wait(10)
        // Whether the first tick after its return counts is chance, with Envoy too; and what a busy machine adds.
        times.push([`out ${at}`, [Math.round(performance.now() - from), 2 * baseMs + 330]])
      }
      return { exact: { stats: await steadyStats(side, index) }, near: Object.fromEntries(times) }
    },
  }
}

const FAILS = { attempts: [{ status: 500 }] }

export function checks(dice: Dice): Variation {
  const check = {
    timeout: '1s',
    interval: '0.25s',
    no_traffic_interval: '0.25s',
    unhealthy_threshold: dice.int(1, 4),
    healthy_threshold: dice.int(1, 4),
    ...(dice.chance(0.3) ? { unhealthy_interval: '0.4s' } : {}),
    ...(dice.chance(0.3) ? { unhealthy_edge_interval: '0.55s' } : {}),
    ...(dice.chance(0.3) ? { healthy_edge_interval: '0.7s' } : {}),
    ...(dice.chance(0.3) ? { no_traffic_healthy_interval: '0.5s' } : {}),
    ...(dice.chance(0.3) ? { reuse_connection: false } : {}),
    http_health_check: {
      path: '/hc',
      ...(dice.chance(0.4) ? { expected_statuses: [{ start: 200, end: 205 }] } : {}),
      ...(dice.chance(0.5) ? { retriable_statuses: [{ start: 500, end: 504 }] } : {}),
    },
  }
  const answer = (): Answer =>
    dice.one<Answer>([
      {},
      {},
      { status: 503 },
      { status: 204 },
      { fate: 'fin' },
      { headers: { 'x-envoy-degraded': 'true' } },
      { status: 503, headers: { 'x-envoy-immediate-health-check-fail': 'true' } },
    ])
  const plan = Array.from({ length: 12 }, answer)
  return {
    about: `checks ${JSON.stringify({ check, plan })}`,
    clusters: (name, at) => [
      cluster(name, [{ lb_endpoints: [endpoint(at.address(1), at.port)] }], {
        health_checks: [check],
        common_lb_config: { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' },
      }),
    ],
    route: name => ({ route: { cluster: name } }),
    run: async (side, index): Promise<Seen> => {
      // The proxy has checked since it started: from here on it is told what comes, from the next check on.
      const address = side.address(index, 1)
      const times = side.origins.checks.get(address) ?? []
      const from = times.length
      const steady = Array.from({ length: from }, (): Answer => ({}))
      side.origins.checkPlans.set(address, [...steady, ...plan])
      const seen: string[] = []
      for (let step = 0; step < plan.length; ) {
        if ((side.origins.checks.get(address) ?? []).length > from + step) {
          // Its answer has been judged, and the next check is not due yet.
          await wait(90)
          const [flags] = await flagsOf(side, index)
          seen.push(flags ?? 'absent')
          step++
        } else await wait(10)
      }
      const all = side.origins.checks.get(address) as number[]
      const gaps = all.slice(from, from + plan.length).map((at, i) => at - (all[from + i - 1] ?? at))
      const near = Object.fromEntries(gaps.slice(1).map((gap, i) => [`gap ${i}`, [Math.round(gap), 140] as const]))
      return { exact: seen, near }
    },
  }
}
