// The rules of json_to_metadata, compiled.
import type {
  JsonToMetadataJson,
  JsonToMetadata_KeyValuePairJson as KeyValuePairJson,
  JsonToMetadata_MatchRulesJson as MatchRulesJson,
} from '#api/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.ts'
import { type CompileContext, type ConfigPath, compileRegexMatcher, declareSupport } from '../../../config/index.ts'

const API = 'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata'

declareSupport(API, { supported: ['request_rules', 'response_rules'] })
declareSupport(`${API}.MatchRules`, {
  supported: ['rules', 'allow_content_types', 'allow_empty_content_type', 'allow_content_types_regex'],
})
declareSupport(`${API}.Rule`, { supported: ['selectors', 'on_present', 'on_missing', 'on_error'] })
declareSupport(`${API}.Selector`, { supported: ['key'] })
declareSupport(`${API}.KeyValuePair`, {
  supported: ['metadata_namespace', 'key', 'value', 'type', 'preserve_existing_metadata_value'],
})

const DEFAULT_NAMESPACE = 'envoy.filters.http.json_to_metadata'
const DEFAULT_CONTENT_TYPES = ['application/json']

export interface Target {
  readonly namespace: string
  readonly key: string
  /** Written instead of what the body says; undefined: that. */
  readonly constant: unknown
  readonly type: 'PROTOBUF_VALUE' | 'STRING' | 'NUMBER'
  /** What is there already stays. */
  readonly preserves: boolean
}

export interface Rule {
  readonly selectors: readonly string[]
  readonly onPresent: Target | null
  readonly onMissing: Target | null
  readonly onError: Target | null
}

export interface MatchRules {
  readonly rules: readonly Rule[]
  allows(contentType: string | undefined): boolean
}

function compileTarget(json: KeyValuePairJson | undefined): Target | null {
  if (json === undefined) return null
  const { metadataNamespace = '', key = '', value, type = 'PROTOBUF_VALUE' } = json
  return {
    namespace: metadataNamespace === '' ? DEFAULT_NAMESPACE : metadataNamespace,
    key,
    constant: value,
    type,
    preserves: json.preserveExistingMetadataValue === true,
  }
}

export interface BothRules {
  readonly request: MatchRules | null
  readonly response: MatchRules | null
}

export function compileBothRules(json: JsonToMetadataJson, context: CompileContext, path: ConfigPath): BothRules {
  const request = compileMatchRules(json.requestRules, context, path.field('request_rules'))
  const response = compileMatchRules(json.responseRules, context, path.field('response_rules'))
  if (request === null && response === null) {
    context.diagnostics.error(path, 'this filter does nothing', { expected: 'request_rules, response_rules or both' })
  }
  return Object.freeze({ request, response })
}

/** Null: this direction has no rules. */
function compileMatchRules(
  json: MatchRulesJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): MatchRules | null {
  if (json === undefined) return null
  const rules = (json.rules ?? []).map(({ selectors = [], onPresent, onMissing, onError }, i) => {
    const at = path.field('rules').index(i)
    if (onPresent === undefined && onMissing === undefined) {
      context.diagnostics.error(at, 'this rule does nothing', { expected: 'on_present, on_missing or both' })
    }
    for (const [name, target] of [
      ['on_missing', onMissing],
      ['on_error', onError],
    ] as const) {
      if (target === undefined || target.value !== undefined) continue
      context.diagnostics.error(at.field(name), 'there is no value to write', { expected: 'a value' })
    }
    return {
      selectors: selectors.map(({ key = '' }) => key),
      onPresent: compileTarget(onPresent),
      onMissing: compileTarget(onMissing),
      onError: compileTarget(onError),
    }
  })
  const listed = json.allowContentTypes ?? []
  const types = new Set(listed.length === 0 ? DEFAULT_CONTENT_TYPES : listed)
  const regex =
    json.allowContentTypesRegex === undefined
      ? undefined
      : compileRegexMatcher(json.allowContentTypesRegex, context, path.field('allow_content_types_regex'))
  return {
    rules,
    allows: type => {
      if (type === undefined || type === '') return json.allowEmptyContentType === true
      return types.has(type) || regex?.matches(type) === true
    },
  }
}
