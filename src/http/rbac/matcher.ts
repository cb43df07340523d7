// HOT FILE (docs/hot-path.md): the matcher of RBAC filters: a tree of conditions whose leaves allow, deny or log.
import type { ActionJson, RBACJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import type { TypedExtensionConfigJson } from '#api/xds/core/v3/extension_pb.ts'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'
import { type MatcherTree, type MatchInput, TreeCompiler } from '../../net/index.ts'
import { CONNECTION_INPUTS, connectionInput } from '../matching/connection-inputs.ts'
import { REQUEST_INPUTS, type RequestSubject, requestInput } from '../matching/http-inputs.ts'
import { decision, type RbacDecider, type RbacDecision } from './decision.ts'
import type { RbacScope, RbacSubject } from './rule.ts'
import { RbacRules } from './rules.ts'

const ACTION = 'envoy.config.rbac.v3.Action'
declareSupport(ACTION, { supported: ['name', 'action'] })

/** As Envoy: where no action is found, nobody passes, and access loggers are told nothing. */
const NOTHING = decision(null, false, null)

/** Null: neither rules nor a matcher, so everybody may pass. As Envoy: a matcher takes the place of rules. */
export function compileRbac(
  json: { readonly rules: RBACJson | undefined; readonly matcher: MatcherJson | undefined },
  fields: { readonly rules: string; readonly matcher: string },
  scope: RbacScope,
  context: CompileContext,
  path: ConfigPath,
): RbacDecider | null {
  const { rules, matcher } = json
  if (matcher === undefined) {
    return rules === undefined ? null : new RbacRules(rules, scope, context, path.field(fields.rules))
  }
  if (rules !== undefined) {
    context.diagnostics.warn(path.field(fields.rules), `has no effect beside ${fields.matcher}`)
  }
  return new RbacMatcher(matcher, scope, context, path.field(fields.matcher))
}

class RbacMatcher implements RbacDecider {
  readonly policyNames: readonly string[]
  private readonly tree: MatcherTree<RbacSubject, RbacDecision>

  constructor(json: MatcherJson, scope: RbacScope, context: CompileContext, path: ConfigPath) {
    const names = new Set<string>()
    // As Envoy: where one action logs, all the others say that they do not.
    const logs = hasLogAction(json)
    const action = (config: TypedExtensionConfigJson, at: ConfigPath): RbacDecision | undefined => {
      const found = (config.typedConfig ?? {}) as ActionJson & { '@type'?: string }
      if (typeName(found) !== ACTION) {
        context.diagnostics.error(at.field('typed_config'), `${typeName(found)} is no action`, { expected: ACTION })
        return undefined
      }
      const { name = '', action: kind = 'ALLOW' } = found
      names.add(name)
      return decision(name, kind !== 'DENY', logs ? kind === 'LOG' : null)
    }
    const inputNames = scope === 'http' ? [...REQUEST_INPUTS, ...CONNECTION_INPUTS] : CONNECTION_INPUTS
    const input = (type: string, config: object) => subjectInput(type, config, scope)
    this.tree = new TreeCompiler<RbacSubject, RbacDecision>({ input, inputNames, action }, context).compile(json, path)
    this.policyNames = [...names]
  }

  decide(subject: RbacSubject): RbacDecision {
    return this.tree.find(subject) ?? NOTHING
  }
}

function subjectInput(type: string, config: object, scope: RbacScope): MatchInput<RbacSubject> | undefined {
  const ofConnection = connectionInput(type, config)
  if (ofConnection !== undefined) return ({ info }) => ofConnection(info)
  const ofRequest = scope === 'http' ? requestInput(type, config) : undefined
  return ofRequest === undefined
    ? undefined
    : subject => (subject.headers === null ? null : ofRequest(subject as RequestSubject))
}

/** Trees are as deep as the configuration that was read. */
function hasLogAction(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { action } = value as ActionJson
  if (typeName(value as object) === ACTION && action === 'LOG') return true
  return Object.values(value).some(hasLogAction)
}
