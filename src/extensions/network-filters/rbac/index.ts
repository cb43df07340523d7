import type { RBACJson } from '#api/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
} from '../../../config/index.ts'
import { compileRbac, type RbacDecider } from '../../../http/index.ts'
import type { NetworkFilterPlan, ThreadContext } from '../../../net/index.ts'
import { RBAC_SHADOW_STATS, RBAC_STATS, Rbac, type RbacShared } from './rbac.ts'

declareSupport('envoy.extensions.filters.network.rbac.v3.RBAC', {
  supported: [
    'rules',
    'matcher',
    'shadow_rules',
    'shadow_matcher',
    'shadow_rules_stat_prefix',
    'stat_prefix',
    'enforcement_type',
    'delay_deny',
  ],
})

class RbacPlan implements NetworkFilterPlan {
  readonly terminal = false
  private readonly config: RBACJson
  private readonly rules: RbacDecider | null
  private readonly shadowRules: RbacDecider | null
  private shared: RbacShared | null = null

  constructor(config: RBACJson, context: CompileContext, path: ConfigPath) {
    this.config = config
    const { rules, matcher, shadowRules, shadowMatcher } = config
    const enforced = { rules: 'rules', matcher: 'matcher' }
    this.rules = compileRbac({ rules, matcher }, enforced, 'network', context, path)
    const shadow = { rules: 'shadow_rules', matcher: 'shadow_matcher' }
    this.shadowRules = compileRbac({ rules: shadowRules, matcher: shadowMatcher }, shadow, 'network', context, path)
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
