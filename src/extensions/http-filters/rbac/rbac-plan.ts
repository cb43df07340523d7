import type { RBACJson } from '#api/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { compileRbac, type RbacDecider } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, type StatCell, statTemplate } from '../../../observability/index.ts'

export const ENFORCED_STATS = statTemplate({ counters: ['allowed', 'denied'] })
export const SHADOW_STATS = statTemplate({ counters: ['shadow_allowed', 'shadow_denied'] })

export interface PolicyStats {
  readonly allowed: StatCell
  readonly denied: StatCell
}

export interface RbacStats {
  readonly enforced: StatBlock
  readonly shadow: StatBlock
  /** By policy; empty unless asked for. */
  readonly enforcedPolicies: ReadonlyMap<string, PolicyStats>
  readonly shadowPolicies: ReadonlyMap<string, PolicyStats>
}

export class RbacPlan {
  /** Null: everybody may pass, and nobody is counted. */
  readonly rules: RbacDecider | null
  readonly shadowRules: RbacDecider | null
  readonly shadowPrefix: string
  readonly rulesPrefix: string
  private readonly perPolicy: boolean
  private readonly statsByPrefix = new Map<string, RbacStats>()

  constructor(json: RBACJson, context: CompileContext, path: ConfigPath) {
    const { rules, matcher, shadowRules, shadowMatcher } = json
    const enforced = { rules: 'rules', matcher: 'matcher' }
    this.rules = compileRbac({ rules, matcher }, enforced, 'http', context, path)
    const shadow = { rules: 'shadow_rules', matcher: 'shadow_matcher' }
    this.shadowRules = compileRbac({ rules: shadowRules, matcher: shadowMatcher }, shadow, 'http', context, path)
    this.rulesPrefix = json.rulesStatPrefix ?? ''
    this.shadowPrefix = json.shadowRulesStatPrefix ?? ''
    this.perPolicy = json.trackPerRuleStats === true
  }

  /** `prefix`: 'http.<stat_prefix>.'; a route's plan may serve several connection managers. */
  stats(thread: ThreadContext, prefix: string): RbacStats {
    let stats = this.statsByPrefix.get(prefix)
    if (stats === undefined) this.statsByPrefix.set(prefix, (stats = this.makeStats(thread, `${prefix}rbac.`)))
    return stats
  }

  private makeStats(thread: ThreadContext, root: string): RbacStats {
    const enforcedRoot = withDot(root, this.rulesPrefix)
    const shadowRoot = withDot(root, this.shadowPrefix)
    const policies = (rules: RbacDecider | null, at: string, kind: string): ReadonlyMap<string, PolicyStats> =>
      new Map(
        (this.perPolicy ? (rules?.policyNames ?? []) : []).map(name => [
          name,
          {
            allowed: thread.stats.counter(`${at}policy.${name}.${kind}allowed`),
            denied: thread.stats.counter(`${at}policy.${name}.${kind}denied`),
          },
        ]),
      )
    return {
      enforced: thread.stats.block(enforcedRoot, ENFORCED_STATS),
      shadow: thread.stats.block(shadowRoot, SHADOW_STATS),
      enforcedPolicies: policies(this.rules, enforcedRoot, ''),
      shadowPolicies: policies(this.shadowRules, shadowRoot, 'shadow_'),
    }
  }
}

/** Stat names are joined by one dot, whether or not the prefix brings its own. */
function withDot(root: string, prefix: string): string {
  return prefix === '' || prefix.endsWith('.') ? root + prefix : `${root}${prefix}.`
}
