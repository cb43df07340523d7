// How traffic is shared among priorities by their health (Envoy, "Priority levels", "Panic threshold", "Degraded").
import { isExcluded } from '../health.ts'
import type { Host } from '../host.ts'
import type { HostSet, PriorityHosts } from './host-set.ts'

/** What the computation needs to know of one priority. */
export interface PriorityHealth {
  /** All hosts, excluded ones too. */
  readonly total: number
  readonly excluded: number
  readonly healthy: number
  readonly degraded: number
  /** Weights (or counts) that health is measured by: excluded hosts are not in `totalWeight`. */
  readonly healthyWeight: number
  readonly degradedWeight: number
  readonly totalWeight: number
}

/** Percent of traffic by priority; `healthy` and `degraded` together sum up to 100. */
export interface PriorityLoad {
  readonly healthy: readonly number[]
  readonly degraded: readonly number[]
  /** In panic a priority uses all its hosts. */
  readonly panic: readonly boolean[]
  /** How much of 100 % each priority could take with its healthy and its degraded hosts. */
  readonly healthyAvailability: readonly number[]
  readonly degradedAvailability: readonly number[]
}

interface Distributed {
  readonly load: number[]
  readonly first: number
  readonly left: number
}

function distribute(availability: readonly number[], total: number, normalizedTotal: number): Distributed {
  let left = total
  const load = availability.map(value => {
    const share = Math.min(left, Math.floor((value * 100) / normalizedTotal))
    left -= share
    return share
  })
  return { load, first: availability.findIndex(value => value > 0), left }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

function addTo(load: number[], index: number, amount: number): void {
  load[index] = (load[index] ?? 0) + amount
}

function byAvailability(health: readonly number[], degraded: readonly number[], normalizedTotal: number) {
  const first = distribute(health, 100, normalizedTotal)
  const second = distribute(degraded, first.left, normalizedTotal)
  // What integer division leaves over goes to the first priority that takes anything.
  if (second.left > 0) {
    if (first.first >= 0) addTo(first.load, first.first, second.left)
    else addTo(second.load, second.first, second.left)
  }
  return { healthy: first.load, degraded: second.load }
}

function byHostCount(priorities: readonly PriorityHealth[]): number[] {
  const hosts = sum(priorities.map(priority => priority.total))
  if (hosts === 0) return priorities.map((_, index) => (index === 0 ? 100 : 0))
  const load = priorities.map(priority => Math.floor((100 * priority.total) / hosts))
  const first = priorities.findIndex(priority => priority.total > 0)
  addTo(load, first, 100 - sum(load))
  return load
}

/** Too few hosts of a priority can be used to spare the others. */
export function inPanic(
  priority: Pick<PriorityHealth, 'total' | 'excluded' | 'healthy' | 'degraded'>,
  threshold: number,
): boolean {
  const counted = priority.total - priority.excluded
  const usable = counted === 0 ? 0 : (100 * (priority.healthy + priority.degraded)) / counted
  return usable < Math.min(100, threshold)
}

/** `overprovisioningFactor` and `panicThreshold` in percent; a threshold of 0 switches panic off. */
export function priorityLoad(
  priorities: readonly PriorityHealth[],
  overprovisioningFactor: number,
  panicThreshold: number,
): PriorityLoad {
  const availability = (weight: number, total: number): number =>
    total === 0 ? 0 : Math.min(100, Math.floor((weight * overprovisioningFactor) / total))
  const health = priorities.map(priority => availability(priority.healthyWeight, priority.totalWeight))
  const degraded = priorities.map(priority => availability(priority.degradedWeight, priority.totalWeight))
  const normalizedTotal = Math.min(100, sum(health) + sum(degraded))
  const none = priorities.map(() => 0)
  const common = { healthyAvailability: health, degradedAvailability: degraded }
  if (normalizedTotal === 0 && panicThreshold === 0) {
    const first = none.map((_, index) => (index === 0 ? 100 : 0))
    return { healthy: first, degraded: none, panic: none.map(() => false), ...common }
  }
  const panic = priorities.map(priority => normalizedTotal < 100 && inPanic(priority, panicThreshold))
  if (panic.every(Boolean)) return { healthy: byHostCount(priorities), degraded: none, panic, ...common }
  const load =
    normalizedTotal === 0 ? { healthy: none, degraded: none } : byAvailability(health, degraded, normalizedTotal)
  return { ...load, panic, ...common }
}

function weightOf(hosts: readonly Host[]): number {
  return hosts.reduce((total, host) => total + host.weight, 0)
}

export function healthOfPriority(priority: PriorityHosts, byWeight: boolean): PriorityHealth {
  const { hosts, healthy, degraded, excluded } = priority
  return {
    total: hosts.length,
    excluded,
    healthy: healthy.length,
    degraded: degraded.length,
    healthyWeight: byWeight ? weightOf(healthy) : healthy.length,
    degradedWeight: byWeight ? weightOf(degraded) : degraded.length,
    totalWeight: byWeight ? weightOf(hosts) - weightOf(hosts.filter(isExcludedHost)) : hosts.length - excluded,
  }
}

function isExcludedHost(host: Host): boolean {
  return isExcluded(host.healthFlags)
}

export function loadOf(set: HostSet, panicThreshold: number): PriorityLoad {
  const health = set.priorities.map(priority => healthOfPriority(priority, set.weightedPriorityHealth))
  return priorityLoad(health, set.overprovisioningFactor, panicThreshold)
}

/** The load without some priorities, for a retry; null when the others can take nothing. */
export function loadAvoiding(load: PriorityLoad, avoided: ReadonlySet<number>): PriorityLoad | null {
  const left = (availability: readonly number[]) => availability.map((value, at) => (avoided.has(at) ? 0 : value))
  const healthyAvailability = left(load.healthyAvailability)
  const degradedAvailability = left(load.degradedAvailability)
  const total = Math.min(100, sum(healthyAvailability) + sum(degradedAvailability))
  if (total === 0) return null
  const shares = byAvailability(healthyAvailability, degradedAvailability, total)
  return { ...shares, panic: load.panic, healthyAvailability, degradedAvailability }
}
