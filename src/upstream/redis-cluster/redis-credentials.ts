import type { ClusterPlan } from '../cluster-plan.ts'

/** Under this name clusters carry RedisProtocolOptions. */
export const REDIS_PROXY = 'envoy.filters.network.redis_proxy'

/** Texts are latin1; '': none. */
export interface RedisCredentials {
  readonly username: string
  readonly password: string
}

/** RedisProtocolOptions: how to log in at the hosts of a cluster. */
export interface RedisOptions {
  readonly all: RedisCredentials
  /** By address as printed. */
  readonly byAddress: ReadonlyMap<string, RedisCredentials>
}

const NONE: RedisCredentials = { username: '', password: '' }

export function redisCredentials(plan: ClusterPlan, addressText: string): RedisCredentials {
  const options = plan.extensionOptions.get(REDIS_PROXY) as RedisOptions | undefined
  if (options === undefined) return NONE
  return options.byAddress.get(addressText) ?? options.all
}

/** The words of AUTH; null: there is nothing to say. */
export function authWords({ username, password }: RedisCredentials): readonly string[] | null {
  if (username === '') return password === '' ? null : ['auth', password]
  return ['auth', username, password]
}
