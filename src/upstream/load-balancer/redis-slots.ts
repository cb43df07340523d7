// HOT FILE (docs/hot-path.md): the balancer of a Redis Cluster: the shard that has a key, and of its hosts the one that the read
// policy asks for.
import type { Steps } from '../../base/index.ts'
import { Unhealthy } from '../health.ts'
import type { Host } from '../host.ts'
import type { HostSet } from '../host-set/host-set.ts'
import { heldSlots, SLOT_COUNT } from '../redis-cluster/slots.ts'
import type { LoadBalancer, LoadBalancerContext } from './load-balancer.ts'

interface Shard {
  primary: Host | null
  readonly replicas: Host[]
}

const NO_SHARD = 0xffff

export class RedisSlotsBalancer implements LoadBalancer {
  private readonly random: () => number
  private readonly shards: Shard[] = []
  /** By slot, an index into `shards`. */
  private readonly owners = new Uint16Array(SLOT_COUNT).fill(NO_SHARD)

  constructor(set: HostSet, random: () => number) {
    this.random = random
    for (const { hosts } of set.priorities) for (const host of hosts) this.add(host)
  }

  private add(host: Host): void {
    const held = heldSlots(host)
    if (held === null) return
    const shard = (this.shards[held.shard] ??= { primary: null, replicas: [] })
    if (held.replica) shard.replicas.push(host)
    else shard.primary = host
    for (const [first, last] of held.ranges) this.owners.fill(held.shard, first, last + 1)
  }

  // Nothing is left to do.
  *prepare(): Steps {}

  chooseHost(context: LoadBalancerContext | null): Host | null {
    const slot = context === null ? -1 : context.redisSlot
    const index = slot < 0 ? Math.floor(this.random() * this.shards.length) : this.owners[slot]!
    const shard = this.shards[index]
    if (shard === undefined) return null
    const { primary, replicas } = shard
    switch (context === null ? 'MASTER' : context.redisReadPolicy) {
      case 'PREFER_MASTER':
        return primary !== null && isUp(primary) ? primary : (this.pick(replicas, null) ?? primary)
      case 'REPLICA':
        return this.pick(replicas, null) ?? replicas[0] ?? null
      case 'PREFER_REPLICA':
        return this.pick(replicas, null) ?? primary
      case 'ANY':
        return this.pick(replicas, primary) ?? primary
      default:
        return primary
    }
  }

  /** Any one that is up of `hosts` and `other`. */
  private pick(hosts: readonly Host[], other: Host | null): Host | null {
    let chosen: Host | null = other !== null && isUp(other) ? other : null
    let seen = chosen === null ? 0 : 1
    for (let i = 0; i < hosts.length; i++) {
      const host = hosts[i]!
      if (isUp(host) && this.random() * ++seen < 1) chosen = host
    }
    return chosen
  }
}

function isUp(host: Host): boolean {
  return host.health !== Unhealthy
}
