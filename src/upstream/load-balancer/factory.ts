import type { ThreadContext } from '../../net/index.ts'
import type { StatBlock, StatStore } from '../../observability/index.ts'
import type { BalancerPlan, ClusterPlan } from '../cluster-plan.ts'
import type { Host } from '../host.ts'
import type { HostSet, PriorityHosts } from '../host-set/host-set.ts'
import { hostShares, localityShares, type WeightedHost } from './hash-weights.ts'
import { leastRequest } from './least-request.ts'
import type { HostPicker, LoadBalancer } from './load-balancer.ts'
import { localityPicker } from './locality-picker.ts'
import { Maglev, maglev } from './maglev.ts'
import { type PickerFactory, PriorityBalancer } from './priority-balancer.ts'
import { randomChoice } from './random.ts'
import { RingHash, ringHash } from './ring-hash.ts'
import { roundRobin } from './round-robin.ts'

type HashPlan = Extract<BalancerPlan, { kind: 'ring_hash' | 'maglev' }>
type ListPlan = Exclude<BalancerPlan, HashPlan>

/** Makes the picker of a policy for one list of hosts. */
function listPicker(plan: ListPlan, thread: ThreadContext): (hosts: readonly Host[]) => HostPicker {
  const { random } = thread
  if (plan.kind === 'random') return hosts => randomChoice(hosts, random)
  if (plan.kind === 'round_robin') return hosts => roundRobin(hosts, random)
  const activeRequestBias = thread.runtime.snapshot.getNumber(plan.activeRequestBiasKey, plan.activeRequestBias)
  return hosts => leastRequest(hosts, random, { ...plan, activeRequestBias })
}

function listPickers(plan: ListPlan, set: HostSet, localityWeighted: boolean, thread: ThreadContext): PickerFactory {
  const makePicker = listPicker(plan, thread)
  return (priority, use) => {
    const byLocality =
      localityWeighted && use !== 'hosts' ? localityPicker(priority, use, set.overprovisioningFactor, makePicker) : null
    return byLocality ?? makePicker(priority[use])
  }
}

/** Sizes of the ring or table, as gauges. */
function reportSizes(picker: HostPicker, stats: StatStore, prefix: string): void {
  const set = (name: string, value: number): void => {
    const gauge = stats.gauge(prefix + name)
    gauge.cells[gauge.slot] = value
  }
  if (picker instanceof RingHash) {
    set('ring_hash_lb.size', picker.size.size)
    set('ring_hash_lb.min_hashes_per_host', picker.size.minHashesPerHost)
    set('ring_hash_lb.max_hashes_per_host', picker.size.maxHashesPerHost)
  } else if (picker instanceof Maglev) {
    set('maglev_lb.min_entries_per_host', picker.minEntriesPerHost)
    set('maglev_lb.max_entries_per_host', picker.maxEntriesPerHost)
  }
}

function hashPickers(
  plan: HashPlan,
  set: HostSet,
  localityWeighted: boolean,
  thread: ThreadContext,
  prefix: string,
): PickerFactory {
  const { random, stats } = thread
  const shares = (priority: PriorityHosts, use: 'healthy' | 'degraded' | 'hosts'): readonly WeightedHost[] =>
    localityWeighted && use === 'healthy'
      ? localityShares(priority, set.overprovisioningFactor)
      : hostShares(priority[use])
  return (priority, use) => {
    const weighted = shares(priority, use)
    const picker =
      plan.kind === 'ring_hash'
        ? ringHash(weighted, plan, random)
        : maglev(weighted, plan.tableSize, plan.useHostname, random)
    // Gauges of all workers are added up, so one speaks for all.
    if (use !== 'degraded' && thread.workerIndex <= 0) reportSizes(picker, stats, prefix)
    return picker
  }
}

/** The balancer of a cluster over one set of hosts; `stats` is the cluster's block. */
export function makeLoadBalancer(
  plan: ClusterPlan,
  set: HostSet,
  thread: ThreadContext,
  stats: StatBlock,
): LoadBalancer {
  const { balancer, localityWeighted } = plan
  const hashed = balancer.kind === 'ring_hash' || balancer.kind === 'maglev'
  const { snapshot } = thread.runtime
  return new PriorityBalancer(set, {
    makePicker: hashed
      ? hashPickers(balancer, set, localityWeighted, thread, stats.prefix)
      : listPickers(balancer, set, localityWeighted, thread),
    healthyPanicThreshold: snapshot.getNumber('upstream.healthy_panic_threshold', plan.healthyPanicThreshold),
    hashChoosesPriority: hashed,
    random: thread.random,
    stats,
  })
}
