// What ring hash and maglev are built from: hosts with their share of the whole.
import type { Host } from '../host.ts'
import type { PriorityHosts } from '../host-set/host-set.ts'
import { effectiveLocalityWeight } from './locality-picker.ts'

/** Shares add up to 1. */
export interface WeightedHost {
  readonly host: Host
  readonly share: number
}

function normalize(weighted: readonly { readonly host: Host; readonly share: number }[]): readonly WeightedHost[] {
  const total = weighted.reduce((sum, { share }) => sum + share, 0)
  return weighted.map(({ host, share }) => ({ host, share: share / total }))
}

/** Shares by host weight alone. */
export function hostShares(hosts: readonly Host[]): readonly WeightedHost[] {
  return normalize(hosts.map(host => ({ host, share: host.weight })))
}

/** Shares by locality weight, and within a locality by host weight. */
export function localityShares(priority: PriorityHosts, overprovisioningFactor: number): readonly WeightedHost[] {
  const weighted = priority.localities.flatMap(locality => {
    const share = effectiveLocalityWeight(locality, 'healthy', overprovisioningFactor)
    if (share === 0) return []
    return hostShares(locality.healthy).map(entry => ({ host: entry.host, share: entry.share * share }))
  })
  return weighted.length === 0 ? hostShares(priority.healthy) : normalize(weighted)
}

/** The text whose hash places a host: endpoint metadata envoy.lb/hash_key, else host name if asked for, else address. */
export function hashKeyOf(host: Host, useHostname: boolean): string {
  const key = (host.metadata?.['envoy.lb'] as { hash_key?: unknown } | undefined)?.hash_key
  if (typeof key === 'string' && key !== '') return key
  return useHostname && host.hostname !== '' ? host.hostname : host.addressText
}
