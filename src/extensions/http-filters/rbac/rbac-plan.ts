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

/** Where a filter counts: a route's rules count under the prefixes of the filter, as in Envoy. */
export interface StatRoots {
  readonly enforced: string
  readonly shadow: string
}

/** Names of what a decision leaves in the dynamic metadata. */
export interface DecisionKeys {
  readonly policy: string
  readonly result: string
}

const decisionKeys = (prefix: string): DecisionKeys => ({
  policy: `${prefix}_effective_policy_id`,
  result: `${prefix}_engine_result`,
})

export class RbacPlan {
  /** Null: everybody may pass, and nobody is counted. */
  readonly rules: RbacDecider | null
  readonly shadowRules: RbacDecider | null
  readonly shadowPrefix: string
  readonly rulesPrefix: string
  readonly shadowKeys: DecisionKeys
  readonly rulesKeys: DecisionKeys
  private readonly perPolicy: boolean
  private readonly statsByRoots = new WeakMap<StatRoots, RbacStats>()
  /** Most plans serve one filter. */
  private latestRoots: StatRoots | null = null
  private latestStats: RbacStats | null = null

  constructor(json: RBACJson, context: CompileContext, path: ConfigPath) {
    const { rules, matcher, shadowRules, shadowMatcher } = json
    const enforced = { rules: 'rules', matcher: 'matcher' }
    this.rules = compileRbac({ rules, matcher }, enforced, 'http', context, path)
    const shadow = { rules: 'shadow_rules', matcher: 'shadow_matcher' }
    this.shadowRules = compileRbac({ rules: shadowRules, matcher: shadowMatcher }, shadow, 'http', context, path)
    this.rulesPrefix = json.rulesStatPrefix ?? ''
    this.shadowPrefix = json.shadowRulesStatPrefix ?? ''
    this.rulesKeys = decisionKeys(`${this.rulesPrefix}enforced`)
    this.shadowKeys = decisionKeys(`${this.shadowPrefix}shadow`)
    this.perPolicy = json.trackPerRuleStats === true
  }

  /** `prefix`: 'http.<stat_prefix>.' */
  statRoots(prefix: string): StatRoots {
    const root = `${prefix}rbac.`
    return { enforced: withDot(root, this.rulesPrefix), shadow: withDot(root, this.shadowPrefix) }
  }

  /** A route's plan may serve several filters. */
  stats(thread: ThreadContext, roots: StatRoots): RbacStats {
    if (roots === this.latestRoots) return this.latestStats!
    let stats = this.statsByRoots.get(roots)
    if (stats === undefined) this.statsByRoots.set(roots, (stats = this.makeStats(thread, roots)))
    this.latestRoots = roots
    this.latestStats = stats
    return stats
  }

  private makeStats(thread: ThreadContext, roots: StatRoots): RbacStats {
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
      enforced: thread.stats.block(roots.enforced, ENFORCED_STATS),
      shadow: thread.stats.block(roots.shadow, SHADOW_STATS),
      enforcedPolicies: policies(this.rules, roots.enforced, ''),
      shadowPolicies: policies(this.shadowRules, roots.shadow, 'shadow_'),
    }
  }
}

/** Stat names are joined by one dot, whether or not the prefix brings its own. */
function withDot(root: string, prefix: string): string {
  return prefix === '' || prefix.endsWith('.') ? root + prefix : `${root}${prefix}.`
}
