// HOT FILE (docs/hot-path.md): envoy.config.rbac.v3.RBAC, compiled; for the HTTP filter and for the network filter.
import './support.ts'
import type { PolicyJson, RBACJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import { CelSubject, celSettings, compileCelExpr } from '../../net/index.ts'
import type { CelExpression } from '../../observability/index.ts'
import { decision, type RbacDecider, type RbacDecision } from './decision.ts'
import { compilePermission } from './permissions.ts'
import { compilePrincipal } from './principals.ts'
import type { RbacRule, RbacScope, RbacSubject } from './rule.ts'

interface Conditions {
  readonly name: string
  readonly permissions: readonly RbacRule[]
  readonly principals: readonly RbacRule[]
  readonly condition: CelExpression | null
}

interface Policy extends Conditions {
  readonly decision: RbacDecision
}

export class RbacRules implements RbacDecider {
  private readonly policies: readonly Policy[]
  private readonly noPolicy: RbacDecision

  constructor(json: RBACJson, scope: RbacScope, context: CompileContext, path: ConfigPath) {
    const action = json.action ?? 'ALLOW'
    const logs = action === 'LOG'
    this.noPolicy = decision(null, action !== 'ALLOW', logs ? false : null)
    const at = path.field('policies')
    this.policies = Object.entries(json.policies ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, policy]) => compilePolicy(name, policy, scope, context, at.field(name)))
      .map(policy => ({ ...policy, decision: decision(policy.name, action !== 'DENY', logs ? true : null) }))
  }

  get policyNames(): readonly string[] {
    return this.policies.map(({ name }) => name)
  }

  /** By the first policy, by name, that matches. */
  decide(subject: RbacSubject): RbacDecision {
    for (let i = 0; i < this.policies.length; i++) {
      const { permissions, principals, condition, decision } = this.policies[i]!
      if (!anyOf(permissions, subject) || !anyOf(principals, subject)) continue
      if (condition === null || condition.matches(new CelSubject(subject.info, subject.headers))) return decision
    }
    return this.noPolicy
  }
}

function anyOf(rules: readonly RbacRule[], subject: RbacSubject): boolean {
  for (let i = 0; i < rules.length; i++) if (rules[i]!(subject)) return true
  return false
}

function compilePolicy(
  name: string,
  policy: PolicyJson,
  scope: RbacScope,
  context: CompileContext,
  path: ConfigPath,
): Conditions {
  return {
    name,
    permissions: (policy.permissions ?? []).map((permission, i) =>
      compilePermission(permission, scope, context, path.field('permissions').index(i)),
    ),
    principals: (policy.principals ?? []).map((principal, i) =>
      compilePrincipal(principal, scope, context, path.field('principals').index(i)),
    ),
    condition: compileCondition(policy, context, path),
  }
}

/** Null where there is none, or after a diagnostic. As Envoy: conditions know nothing of the node. */
function compileCondition(
  { condition, checkedCondition, celConfig }: PolicyJson,
  context: CompileContext,
  path: ConfigPath,
): CelExpression | null {
  const settings = { ...celSettings(celConfig, context), node: null }
  if (condition !== undefined) {
    if (checkedCondition !== undefined) {
      context.diagnostics.error(path.field('checked_condition'), 'condition and checked_condition exclude each other')
    }
    return compileCelExpr(condition, settings, context, path.field('condition')) ?? null
  }
  if (checkedCondition === undefined) return null
  return compileCelExpr(checkedCondition.expr, settings, context, path.field('checked_condition').field('expr')) ?? null
}
