// What ring hash and maglev are built from: hosts with their share of the whole.
import { toWireText } from '../../base/index.ts'
import type { Host } from '../host.ts'
import type { PriorityHosts } from '../host-set/host-set.ts'

/** Shares add up to 1, or to less where localities with a weight have no hosts. */
export interface WeightedHost {
  readonly host: Host
  readonly share: number
}

function addShares(hosts: readonly Host[], part: number, to: WeightedHost[]): void {
  const total = hosts.reduce((sum, { weight }) => sum + weight, 0)
  for (const host of hosts) to.push({ host, share: (host.weight * part) / total })
}

/** Shares by host weight alone. */
export function hostShares(hosts: readonly Host[]): readonly WeightedHost[] {
  const shares: WeightedHost[] = []
  addShares(hosts, 1, shares)
  return shares
}

/**
 * Shares by locality weight as configured, and within a locality by host weight; a locality without a weight gets
 * nothing. As in Envoy, unhealthy hosts do not lighten their locality here.
 */
export function localityShares(priority: PriorityHosts, use: 'healthy' | 'hosts'): readonly WeightedHost[] {
  const total = priority.localities.reduce((sum, { weight }) => sum + weight, 0)
  const shares: WeightedHost[] = []
  for (const locality of priority.localities) {
    if (locality.weight > 0) addShares(locality[use], locality.weight / total, shares)
  }
  return shares
}

/** The text whose hash places a host: endpoint metadata envoy.lb/hash_key, else host name if asked for, else address. */
export function hashKeyOf(host: Host, useHostname: boolean): string {
  const key = (host.metadata?.['envoy.lb'] as { hash_key?: unknown } | undefined)?.hash_key
  if (typeof key === 'string' && key !== '') return toWireText(key)
  return useHostname && host.hostname !== '' ? toWireText(host.hostname) : host.addressText
}
