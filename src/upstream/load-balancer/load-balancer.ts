import type { Steps } from '../../base/index.ts'
import type { Host } from '../host.ts'
import type { HostSet } from '../host-set/host-set.ts'
import type { PriorityLoad } from '../host-set/priority-load.ts'

/** Which hosts of a shard may answer. */
export type RedisReadPolicy = 'MASTER' | 'PREFER_MASTER' | 'REPLICA' | 'PREFER_REPLICA' | 'ANY'

/** What a request tells the balancer. This one has no wishes; others override what they have something to say on. */
export class LoadBalancerContext {
  /** 64-bit hash of the route's hash policy; null: none. */
  get hash(): bigint | null {
    return null
  }

  /** Route metadata that names a subset; the same object for the same route; null: none. */
  get metadataMatch(): object | null {
    return null
  }

  /** How many further picks shouldSelectAnother() may cause. */
  get hostSelectionAttempts(): number {
    return 0
  }

  /** True when a retry predicate rejects `host`. */
  shouldSelectAnother(_host: Host): boolean {
    return false
  }

  /** The share of each priority for this request: `load`, or what a retry's priority plan makes of it. */
  priorityLoad(_set: HostSet, load: PriorityLoad): PriorityLoad {
    return load
  }

  /** Addresses that a session asks for, in order, comma-separated; null: none. */
  get overrideHost(): string | null {
    return null
  }

  /** A host of `overrideHost` or none. */
  get overrideHostStrict(): boolean {
    return false
  }

  /** The host that the request is for, perhaps with a port: its authority, unless a filter knows better. */
  get dynamicHost(): string | null {
    return null
  }

  /** The port of a `dynamicHost` without one; null: that of the cluster's protocol. */
  get dynamicPort(): number | null {
    return null
  }

  /** Of a Redis Cluster: the slot of the key; -1: there is no key. */
  get redisSlot(): number {
    return -1
  }

  /** Of a Redis Cluster: who may answer. */
  get redisReadPolicy(): RedisReadPolicy {
    return 'MASTER'
  }

  /** A request header by its lower-case name. */
  header(_name: string): string | null {
    return null
  }

  /** A value of the request's dynamic metadata. */
  metadataValue(_namespace: string, _path: readonly string[]): unknown {
    return undefined
  }
}

/** Chooses among the hosts of one snapshot; replaced as a whole when they change. */
export interface LoadBalancer {
  /** Null when no host may be used. Never waits, never allocates. */
  chooseHost(context: LoadBalancerContext | null): Host | null
  /** Does in steps what the first choice would otherwise have to do. */
  prepare(): Steps
}

/** Chooses within one list of hosts; what a policy such as round robin consists of. */
export interface HostPicker {
  pick(): Host | null
}

/** Chooses within one list of hosts by a 64-bit hash in two halves; `attempt`: how often a pick was rejected before. */
export interface HashPicker {
  pick(high: number, low: number, attempt: number): Host | null
}

export const NO_HOST = { pick: (): Host | null => null }
