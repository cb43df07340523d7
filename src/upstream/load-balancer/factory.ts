import type { BalancerPlan, ListPlan, SlowStartPlan } from '../balancer-plan.ts'
import type { HostSet } from '../host-set/host-set.ts'
import { AggregateBalancer } from './aggregate.ts'
import type { BalancerParts } from './balancer-parts.ts'
import { clientSideWeights } from './client-side-weights.ts'
import { DynamicHostBalancer } from './dynamic-host.ts'
import { HashBalancer } from './hash-balancer.ts'
import { leastRequest } from './least-request.ts'
import { ListBalancer } from './list-balancer.ts'
import type { LoadBalancer } from './load-balancer.ts'
import { OverrideHostBalancer } from './override-host.ts'
import { peakEwma } from './peak-ewma.ts'
import type { MakePicker } from './priority-pickers.ts'
import { randomChoice } from './random.ts'
import { RedisSlotsBalancer } from './redis-slots.ts'
import { roundRobin } from './round-robin.ts'
import { SlowStart } from './slow-start.ts'
import { SubsetBalancer } from './subset/subset-balancer.ts'

function slowStart(plan: SlowStartPlan | null, { thread }: BalancerParts): SlowStart | null {
  if (plan === null || plan.windowMs === 0) return null
  return new SlowStart(plan, thread.runtime.snapshot.getNumber(plan.aggressionKey, plan.aggression), thread.clock)
}

/** Makes the picker of a policy for one list of hosts. */
function listPicker(plan: ListPlan, parts: BalancerParts): MakePicker {
  const { random, clock, runtime } = parts.thread
  switch (plan.kind) {
    case 'random':
      return hosts => randomChoice(hosts, random)
    case 'round_robin': {
      const growing = slowStart(plan.slowStart, parts)
      return hosts => roundRobin(hosts, random, growing)
    }
    case 'least_request': {
      const growing = slowStart(plan.slowStart, parts)
      const activeRequestBias = runtime.snapshot.getNumber(plan.activeRequestBiasKey, plan.activeRequestBias)
      return hosts => leastRequest(hosts, random, { ...plan, activeRequestBias }, growing)
    }
    case 'peak_ewma':
      return hosts => peakEwma(hosts, plan, random, clock)
    case 'client_side_weighted_round_robin': {
      const growing = slowStart(plan.slowStart, parts)
      return hosts => clientSideWeights(hosts, plan, parts.thread, growing)
    }
  }
}

/** The balancer of a cluster over one set of hosts. */
export function makeLoadBalancer(plan: BalancerPlan, set: HostSet, parts: BalancerParts): LoadBalancer {
  switch (plan.kind) {
    case 'ring_hash':
    case 'maglev':
      return new HashBalancer(set, plan, parts)
    case 'subset':
      return new SubsetBalancer(set, plan, part => makeLoadBalancer(plan.child, part, parts), parts)
    case 'override_host':
      return new OverrideHostBalancer(set, plan, makeLoadBalancer(plan.child, set, parts))
    case 'dynamic_host':
      return new DynamicHostBalancer(set, plan, parts.dnsCache(plan.cache.name))
    case 'redis_slots':
      return new RedisSlotsBalancer(set, parts.thread.random)
    case 'aggregate':
      return new AggregateBalancer(plan, parts)
    default:
      return new ListBalancer(set, listPicker(plan, parts), plan.locality, parts)
  }
}
