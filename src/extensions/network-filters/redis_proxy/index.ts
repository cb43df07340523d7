import './support.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import type { NetworkFilterPlan, ThreadContext } from '../../../net/index.ts'
import { REDIS_PROXY, type UpstreamThread } from '../../../upstream/index.ts'
import { compileRedisProxy } from './compile.ts'
import { RedisProxy } from './redis-proxy.ts'
import type { RedisProxyPlan } from './redis-proxy-plan.ts'
import { Splitter } from './splitter.ts'

export { redisOptionsFactory } from './upstream/redis-options.ts'

class RedisProxyFilterPlan implements NetworkFilterPlan {
  readonly terminal = true
  private readonly plan: RedisProxyPlan
  private splitter: Splitter | null = null

  constructor(plan: RedisProxyPlan) {
    this.plan = plan
  }

  prepare(thread: ThreadContext): void {
    this.splitter ??= new Splitter(this.plan, thread as UpstreamThread)
  }

  create(thread: ThreadContext): RedisProxy {
    this.splitter ??= new Splitter(this.plan, thread as UpstreamThread)
    return new RedisProxy(this.splitter)
  }
}

/** envoy.filters.network.redis_proxy */
export const redisProxyFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: REDIS_PROXY,
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.redis_proxy.v3.RedisProxy'],
  compile: (config, context, path) => new RedisProxyFilterPlan(compileRedisProxy(config, context, path)),
}
