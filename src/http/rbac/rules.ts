// HOT FILE (docs/hot-path.md): envoy.config.rbac.v3.RBAC, compiled; for the HTTP filter and for the network filter.
import './support.ts'
import type { PolicyJson, RBACJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import { compilePermission } from './permissions.ts'
import { compilePrincipal } from './principals.ts'
import type { RbacRule, RbacScope, RbacSubject } from './rule.ts'

interface Policy {
  readonly name: string
  readonly permissions: readonly RbacRule[]
  readonly principals: readonly RbacRule[]
}

export class RbacRules {
  readonly action: 'ALLOW' | 'DENY' | 'LOG'
  private readonly policies: readonly Policy[]

  constructor(json: RBACJson, scope: RbacScope, context: CompileContext, path: ConfigPath) {
    this.action = json.action ?? 'ALLOW'
    const at = path.field('policies')
    this.policies = Object.entries(json.policies ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, policy]) => compilePolicy(name, policy, scope, context, at.field(name)))
  }

  get policyNames(): readonly string[] {
    return this.policies.map(({ name }) => name)
  }

  /** The first policy, by name, that matches; null: none does. */
  match(subject: RbacSubject): string | null {
    for (let i = 0; i < this.policies.length; i++) {
      const { name, permissions, principals } = this.policies[i]!
      if (anyOf(permissions, subject) && anyOf(principals, subject)) return name
    }
    return null
  }

  /** Whether a subject for whom `match` found that policy may pass. */
  allows(policy: string | null): boolean {
    return this.action === 'LOG' || (policy !== null) === (this.action === 'ALLOW')
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
): Policy {
  return {
    name,
    permissions: (policy.permissions ?? []).map((permission, i) =>
      compilePermission(permission, scope, context, path.field('permissions').index(i)),
    ),
    principals: (policy.principals ?? []).map((principal, i) =>
      compilePrincipal(principal, scope, context, path.field('principals').index(i)),
    ),
  }
}
