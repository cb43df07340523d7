import type { RBACJson } from '#api/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
} from '../../../config/index.ts'
import { RbacRules } from '../../../http/index.ts'
import type { NetworkFilterPlan, ThreadContext } from '../../../net/index.ts'
import { RBAC_SHADOW_STATS, RBAC_STATS, Rbac, type RbacShared } from './rbac.ts'

const NO_MATCHER = 'the matcher tree is not offered here; use rules'

declareSupport('envoy.extensions.filters.network.rbac.v3.RBAC', {
  supported: ['rules', 'shadow_rules', 'shadow_rules_stat_prefix', 'stat_prefix', 'enforcement_type', 'delay_deny'],
  refused: { matcher: NO_MATCHER, shadow_matcher: NO_MATCHER },
})

class RbacPlan implements NetworkFilterPlan {
  readonly terminal = false
  private readonly config: RBACJson
  private readonly rules: RbacRules | null
  private readonly shadowRules: RbacRules | null
  private shared: RbacShared | null = null

  constructor(config: RBACJson, context: CompileContext, path: ConfigPath) {
    this.config = config
    this.rules =
      config.rules === undefined ? null : new RbacRules(config.rules, 'network', context, path.field('rules'))
    this.shadowRules =
      config.shadowRules === undefined
        ? null
        : new RbacRules(config.shadowRules, 'network', context, path.field('shadow_rules'))
  }

  prepare(thread: ThreadContext): void {
    this.shared ??= this.share(thread)
  }

  create(thread: ThreadContext): Rbac {
    this.shared ??= this.share(thread)
    return new Rbac(this.shared)
  }

  private share(thread: ThreadContext): RbacShared {
    const { statPrefix = '', shadowRulesStatPrefix: shadowPrefix = '', enforcementType, delayDeny } = this.config
    const root = joined(joined('', statPrefix), 'rbac.')
    return {
      thread,
      rules: this.rules,
      shadowRules: this.shadowRules,
      stats: thread.stats.block(root, RBAC_STATS),
      shadowStats: thread.stats.block(joined(root, shadowPrefix), RBAC_SHADOW_STATS),
      shadowPrefix,
      continuous: enforcementType === 'CONTINUOUS',
      delayDenyMs: durationMs(delayDeny, 0),
    }
  }
}

/** Stat names are joined by one dot, whether or not the prefix brings its own. */
function joined(prefix: string, token: string): string {
  const text = prefix === '' || prefix.endsWith('.') ? prefix + token : `${prefix}.${token}`
  return text === '' || text.endsWith('.') ? text : `${text}.`
}

/** envoy.filters.network.rbac */
export const networkRbacFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.rbac',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.rbac.v3.RBAC'],
  compile: (config, context, path) => new RbacPlan(config as RBACJson, context, path),
}
