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

export function outliers(dice: Dice): Variation {
  const enforcing = (name: string): object => (dice.chance(0.4) ? { [name]: dice.one([0, 100]) } : {})
  const detection = {
    interval: '0.2s',
    base_ejection_time: '30s',
    max_ejection_percent: dice.one([10, 25, 50, 100]),
    ...(dice.chance(0.7) ? { consecutive_5xx: dice.int(1, 6) } : {}),
    ...(dice.chance(0.5) ? { consecutive_gateway_failure: dice.int(1, 5) } : {}),
    ...(dice.chance(0.3) ? { split_external_local_origin_errors: true } : {}),
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
      return [cluster(name, [{ lb_endpoints: endpoints }], { ...common, outlier_detection: detection })]
    },
    route: name => ({ route: { cluster: name } }),
    run: async (side, index): Promise<Seen> => {
      for (let round = 0; round < 12; round++) {
        // One request for each host, whichever the rotation begins with; POST is never sent twice.
        const hosts = Object.fromEntries(plans.map((plan, host) => [host + 1, plan[round] ?? {}]))
        for (let i = 0; i < HOSTS; i++) await side.ask(index, { method: 'POST', plan: { hosts } })
      }
      await wait(500)
      const { rows, stats } = { rows: await flagsOf(side, index), stats: await steadyStats(side, index) }
      // Once one is out, the rotation gives the others more: what the interval then finds may differ by a request.
      const names = Object.keys(stats).filter(name => /ejections_enforced_total|ejections_active/.test(name))
      // Where not all may go, it goes by who was asked first.
      const ejected = detection.max_ejection_percent === 100 ? rows : rows.toSorted()
      return { exact: { ejected, enforced: names.map(name => [name, Reflect.get(stats, name)]) } }
    },
  }
}

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
