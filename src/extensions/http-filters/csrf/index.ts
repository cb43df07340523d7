import type { CsrfPolicyJson } from '#api/envoy/extensions/filters/http/csrf/v3/csrf_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { CSRF_STATS, CsrfFilter } from './csrf.ts'
import { CsrfPolicy } from './policy.ts'

const TYPE = 'envoy.extensions.filters.http.csrf.v3.CsrfPolicy'
const NAME = 'envoy.filters.http.csrf'

class CsrfPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly policy: CsrfPolicy
  private stats!: StatBlock

  constructor(policy: CsrfPolicy) {
    this.policy = policy
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = thread.stats.block(`${statPrefix}csrf.`, CSRF_STATS)
  }

  create(): CsrfFilter {
    return new CsrfFilter(this.policy, this.stats)
  }
}

/** envoy.filters.http.csrf */
export const csrfFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => new CsrfPlan(new CsrfPolicy(config as CsrfPolicyJson, context, path)),
}

export const csrfPerRouteFactory: ExtensionFactory<CsrfPolicy> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => new CsrfPolicy(config as CsrfPolicyJson, context, path),
}
