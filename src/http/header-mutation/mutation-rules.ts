// config.common.mutation_rules.v3.HeaderMutationRules: what a service beside the proxy may change in heads.
import type { HeaderMutationRulesJson } from '#api/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileRegexMatcher,
  declareSupport,
  type StringPredicate,
} from '../../config/index.ts'
import { isAuthorityText } from '../codec/authority.ts'

declareSupport('envoy.config.common.mutation_rules.v3.HeaderMutationRules', {
  supported: [
    'allow_all_routing',
    'allow_envoy',
    'disallow_system',
    'disallow_all',
    'allow_expression',
    'disallow_expression',
    'disallow_is_error',
  ],
})

const ROUTING: ReadonlySet<string> = new Set([':authority', 'host', ':method', ':scheme'])
const SCHEME = /^[a-z][a-z0-9+.-]*$/i
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Without a blank or a control character, which would end it in the request line. */
const PATH = /^(?:\/[\x21-\x7e\x80-\xff]*|\*)$/
const STATUS = /^[2-9]\d\d$/

export class HeaderMutationRules {
  /** What is not allowed fails the request, instead of being left undone. */
  readonly disallowIsError: boolean
  private readonly json: HeaderMutationRulesJson
  private readonly allows: StringPredicate | null
  private readonly disallows: StringPredicate | null

  constructor(json: HeaderMutationRulesJson, context: CompileContext, path: ConfigPath) {
    this.json = json
    this.disallowIsError = json.disallowIsError ?? false
    this.allows = compileExpression(json.allowExpression, context, path.field('allow_expression'))
    this.disallows = compileExpression(json.disallowExpression, context, path.field('disallow_expression'))
  }

  /** `name` in lower case, pseudo-headers with their colon. */
  maySet(name: string, value: string): boolean {
    return this.mayChange(name) && isAcceptable(name, value)
  }

  /** No message goes without its pseudo-headers. */
  mayRemove(name: string): boolean {
    return !name.startsWith(':') && name !== 'host' && this.mayChange(name)
  }

  private mayChange(name: string): boolean {
    const { json } = this
    if (this.disallows?.(name) === true) return false
    if (this.allows?.(name) === true) return true
    if (json.disallowAll === true) return false
    if (json.allowAllRouting !== true && ROUTING.has(name)) return false
    if (json.disallowSystem === true && name.startsWith(':')) return false
    return json.allowEnvoy === true || !name.startsWith('x-envoy')
  }
}

function compileExpression(
  json: HeaderMutationRulesJson['allowExpression'],
  context: CompileContext,
  path: ConfigPath,
): StringPredicate | null {
  if (json === undefined) return null
  const regex = compileRegexMatcher(json, context, path)
  return regex === undefined ? null : name => regex.matches(name)
}

/** What stands in the first line of a message has a form of its own. */
function isAcceptable(name: string, value: string): boolean {
  switch (name) {
    case ':authority':
    case 'host':
      return isAuthorityText(value)
    case ':scheme':
      return SCHEME.test(value)
    case ':method':
      return METHOD.test(value)
    case ':path':
      return PATH.test(value)
    case ':status':
      return STATUS.test(value)
    default:
      return true
  }
}
