// Zone aware routing: how much of the traffic may stay in this proxy's zone (Envoy, "Zone aware routing").
import type { ZoneAwarePlan } from '../balancer-plan.ts'
import type { Host, Locality } from '../host.ts'
import type { LocalityHosts, PriorityHosts } from './host-set.ts'

/** Why zones play no part in the choice. */
export type NoZoneRouting =
  | 'no_local_cluster'
  | 'one_upstream_locality'
  | 'one_local_locality'
  | 'local_cluster_not_here'
  | 'cluster_too_small'

export type ZoneRouting =
  | { readonly state: 'off'; readonly reason: NoZoneRouting }
  /** Everything stays in the own zone. */
  | { readonly state: 'direct' }
  | {
      readonly state: 'residual'
      /** Of 10,000 picks, those that stay in the own zone. */
      readonly localShare: number
      /** Capacity that is left in each locality and those before it, summed up. */
      readonly residual: readonly number[]
    }

/** Where localities are to count by weight and none has one, zones count as if nothing were said (Envoy). */
export const ZONES_UNSAID: ZoneAwarePlan = {
  kind: 'zone_aware',
  routingEnabled: 100,
  minClusterSize: 6,
  failTrafficOnPanic: false,
  forceLocalMinSize: null,
  byWeight: false,
}

const WHOLE = 10_000

function sizeOf(hosts: readonly Host[], byWeight: boolean): number {
  return byWeight ? hosts.reduce((sum, host) => sum + host.weight, 0) : hosts.length
}

function nameOf({ region, zone, subZone }: Locality): string {
  return `${region}\0${zone}\0${subZone}`
}

interface Shares {
  readonly local: number
  readonly upstream: number
}

function shares(upstream: readonly LocalityHosts[], local: readonly LocalityHosts[], byWeight: boolean): Shares[] {
  const localSizes = new Map(local.map(({ locality, healthy }) => [nameOf(locality), sizeOf(healthy, byWeight)]))
  const localTotal = [...localSizes.values()].reduce((sum, size) => sum + size, 0)
  const sizes = upstream.map(({ healthy }) => sizeOf(healthy, byWeight))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const share = (size: number, of: number): number => (of === 0 ? 0 : Math.floor((WHOLE * size) / of))
  return upstream.map(({ locality }, index) => {
    const size = sizes[index] as number
    if (size === 0) return { local: 0, upstream: 0 }
    return { local: share(localSizes.get(nameOf(locality)) ?? 0, localTotal), upstream: share(size, total) }
  })
}

/** `minClusterSize` may come from the runtime. Only priority 0 is zone aware. */
export function zoneRouting(
  upstream: PriorityHosts,
  local: PriorityHosts,
  plan: Pick<ZoneAwarePlan, 'minClusterSize' | 'forceLocalMinSize' | 'byWeight'>,
): ZoneRouting {
  const { forceLocalMinSize } = plan
  if (upstream.localities.length < 2) return { state: 'off', reason: 'one_upstream_locality' }
  if (local.localities.length < 2 && forceLocalMinSize === null) return { state: 'off', reason: 'one_local_locality' }
  if (!local.hasLocalLocality || local.localities[0]?.hosts.length === 0) {
    return { state: 'off', reason: 'local_cluster_not_here' }
  }
  if (upstream.healthy.length < plan.minClusterSize) return { state: 'off', reason: 'cluster_too_small' }
  const parts = shares(upstream.localities, local.localities, plan.byWeight)
  const first = parts[0] as Shares
  if (upstream.hasLocalLocality) {
    if (first.upstream > 0 && first.upstream >= first.local) return { state: 'direct' }
    const here = upstream.localities[0]?.healthy.length ?? 0
    if (forceLocalMinSize !== null && here >= forceLocalMinSize) return { state: 'direct' }
  }
  const localShare =
    upstream.hasLocalLocality && first.local > 0 ? Math.floor((first.upstream * WHOLE) / first.local) : 0
  let sum = 0
  const residual = parts.map((part, index) => {
    // The own zone has got what it can take.
    if (index > 0 || !upstream.hasLocalLocality) sum += Math.max(0, part.upstream - part.local)
    return sum
  })
  return { state: 'residual', localShare, residual }
}
