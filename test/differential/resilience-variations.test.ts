// Variations of every kind of resilience, made by chance and played on a real Envoy and on this proxy at once. Skipped where
// there is no Envoy: ENVOY names the binary. SEED and VARIATIONS (how many of each kind) make others; KIND picks one kind, and
// ONLY plays some of its variations (numbers with commas between), as those that have been seen to differ.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { freePorts } from '../harness/index.ts'
import { balancing } from './resilience/balancing.ts'
import { hashes } from './resilience/hashes.ts'
import { checks, ejections, outliers } from './resilience/hosts.ts'
import { globalLimits, limiters, localLimits, RateLimiter, serviceFilter } from './resilience/limits.ts'
import { Origins } from './resilience/origins.ts'
import { breakers, retries, timeouts } from './resilience/retries.ts'
import { Side } from './resilience/side.ts'
import { cluster, Dice, differences, endpoint, type Variation } from './resilience/variation.ts'

const ENVOY = process.env['ENVOY']
const SEED = Number(process.env['SEED'] ?? 1)
const OF_EACH = Number(process.env['VARIATIONS'] ?? 20)
const ONLY = process.env['ONLY']?.split(',').map(Number)
interface Kind {
  readonly make: (dice: Dice) => Variation
  /** Played at once: few where the clock matters. */
  readonly lanes: number
}
const KINDS: Readonly<Record<string, Kind>> = {
  balancing: { make: balancing, lanes: 6 },
  hashes: { make: hashes, lanes: 6 },
  retries: { make: retries, lanes: 6 },
  timeouts: { make: timeouts, lanes: 2 },
  breakers: { make: breakers, lanes: 2 },
  outliers: { make: outliers, lanes: 6 },
  ejections: { make: ejections, lanes: 6 },
  checks: { make: checks, lanes: 8 },
  'local limits': { make: localLimits, lanes: 6 },
  // The service is asked in turn, so that it is known by whom.
  'global limits': { make: globalLimits(serviceFilter(new Dice(SEED))), lanes: 1 },
}
/** Code that has never run is slow, which must not look like an answer. */
const WARM_UP = 400
const warmUp: Variation = {
  about: 'warm-up',
  clusters: (name, hosts) => [cluster(name, [{ lb_endpoints: [endpoint(hosts.address(1), hosts.port)] }])],
  route: name => ({ route: { cluster: name } }),
  run: async (side, index) => {
    for (let i = 0; i < WARM_UP; i++) await side.ask(index)
    return {}
  },
}

/** What the proxies are one of: hosts in each of three zones. */
function localCluster(dice: Dice): object {
  const localities = ['a', 'b', 'c'].slice(0, dice.int(2, 3)).map((zone, at) => ({
    locality: { region: 'r', zone },
    lb_endpoints: Array.from({ length: dice.int(1, 4) }, (_, i) => endpoint(`127.9.${at}.${i + 1}`, 1)),
  }))
  return cluster('me', localities)
}

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
function serviceCluster(port: number): object {
  const http2 = { '@type': `type.googleapis.com/${HTTP_OPTIONS}`, explicit_http_config: { http2_protocol_options: {} } }
  const options = { typed_extension_protocol_options: { [HTTP_OPTIONS]: http2 } }
  return cluster('rls', [{ lb_endpoints: [endpoint('127.0.0.1', port)] }], options)
}

async function playAll(kind: string, seed: number): Promise<readonly string[]> {
  const dice = new Dice(seed)
  const { make, lanes } = KINDS[kind] as Kind
  const variations = Array.from({ length: OF_EACH }, () => make(dice))
  const played = [...variations, warmUp]
  const local = localCluster(dice)
  const extra = (limiter: RateLimiter): object => ({
    clusters: [local, serviceCluster(limiter.port)],
    cluster_manager: { local_cluster_name: 'me' },
  })
  const [closed] = (await freePorts(1)) as [number]
  const both = [await Origins.start(), await Origins.start()] as const
  const services = [await RateLimiter.start(), await RateLimiter.start()] as const
  for (const at of [0, 1] as const) limiters.set(both[at], services[at])
  const sides = await Promise.all([
    Side.start(ENVOY as string, 20, both[0], played, closed, extra(services[0])),
    Side.start(null, 40, both[1], played, closed, extra(services[1])),
  ])
  for (const side of sides) await warmUp.run(side, OF_EACH)
  const found: string[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < variations.length) {
      const index = next++
      if (ONLY?.includes(index) === false) continue
      const one = variations[index] as Variation
      const [envoy, own] = await Promise.all([one.run(sides[0], index), one.run(sides[1], index)])
      const unlike = differences(envoy, own)
      if (unlike.length > 0) found.push(`${index}: ${one.about}\n    ${unlike.slice(0, 8).join('\n    ')}`)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  for (const end of [...sides, ...both]) await end.stop()
  for (const service of services) await service.close()
  return found
}

describe('variations as a real Envoy plays them', { skip: ENVOY === undefined ? 'no ENVOY' : false }, () => {
  for (const kind of Object.keys(KINDS).filter(name => (process.env['KIND'] ?? name) === name)) {
    test(kind, async () => {
      const found = await playAll(kind, SEED)
      assert.equal(found.length, 0, `${found.length} of ${OF_EACH} differ:\n${found.join('\n')}`)
    })
  }
})
