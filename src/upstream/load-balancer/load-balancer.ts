import type { Host } from '../host.ts'

/** What a request tells the balancer. */
export interface LoadBalancerContext {
  /** 64-bit hash of the route's hash policy; null: none. */
  readonly hash: bigint | null
  /** Route metadata that names a subset; null: none. */
  readonly metadataMatch: object | null
  /** True when a retry predicate rejects `host`. */
  shouldSelectAnother(host: Host): boolean
  /** How many further picks such a rejection may cause. */
  readonly hostSelectionAttempts: number
}

/** Chooses among the hosts of one snapshot; replaced as a whole when they change. */
export interface LoadBalancer {
  /** Null when no host may be used. Never waits, never allocates. */
  chooseHost(context: LoadBalancerContext | null): Host | null
}

/** Chooses within one list of hosts; what a policy such as round robin consists of. */
export interface HostPicker {
  /** `attempt`: how often the pick was rejected before. */
  pick(context: LoadBalancerContext | null, attempt: number): Host | null
}

export const NO_HOST: HostPicker = { pick: () => null }
