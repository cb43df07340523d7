// The rules of header_to_metadata, compiled.
import type {
  ConfigJson,
  Config_KeyValuePairJson as KeyValuePairJson,
  Config_RuleJson as RuleJson,
} from '#api/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts'
import { toWireText } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileRegexRewrite,
  declareSupport,
  type RegexRewrite,
} from '../../../config/index.ts'
import { cookieValue, type HeaderMap, HeaderName } from '../../../http/index.ts'

const API = 'envoy.extensions.filters.http.header_to_metadata.v3.Config'

declareSupport(API, { supported: ['request_rules', 'response_rules', 'stat_prefix'] })
declareSupport(`${API}.Rule`, { supported: ['header', 'cookie', 'on_header_present', 'on_header_missing', 'remove'] })
declareSupport(`${API}.KeyValuePair`, {
  supported: ['metadata_namespace', 'key', 'value', 'regex_value_rewrite', 'type', 'encode'],
  values: { type: { PROTOBUF_VALUE: 'values in protobuf form are not part of this release: use STRING or NUMBER' } },
})

export const DEFAULT_NAMESPACE = 'envoy.filters.http.header_to_metadata'

/** What is written of a value. */
export interface Target {
  readonly namespace: string
  readonly key: string
  /** Written instead of the header's value; '' for that. */
  readonly constant: string
  readonly rewrite: RegexRewrite | null
  readonly isNumber: boolean
  readonly isBase64: boolean
}

/** Where a value comes from. */
export interface Source {
  /** Undefined: missing. */
  read(headers: HeaderMap): string | undefined
  remove(headers: HeaderMap): void
}

export interface Rule {
  readonly source: Source
  readonly onPresent: Target | null
  readonly onMissing: Target | null
  readonly remove: boolean
}

export interface RuleSet {
  readonly request: readonly Rule[]
  readonly response: readonly Rule[]
}

class HeaderSource implements Source {
  private readonly name: HeaderName

  constructor(name: HeaderName) {
    this.name = name
  }

  read(headers: HeaderMap): string | undefined {
    return headers.has(this.name) ? headers.getAll(this.name).join(',') : undefined
  }

  remove(headers: HeaderMap): void {
    headers.remove(this.name)
  }
}

class PseudoHeaderSource implements Source {
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  read(headers: HeaderMap): string | undefined {
    return headers.lookup(this.name)
  }

  remove(): void {}
}

class CookieSource implements Source {
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  /** As Envoy: an empty cookie is none. */
  read(headers: HeaderMap): string | undefined {
    return cookieValue(headers, this.name) || undefined
  }

  remove(): void {}
}

export function compileRules(json: ConfigJson, context: CompileContext, path: ConfigPath): RuleSet {
  const compile = (rules: readonly RuleJson[] | undefined, at: ConfigPath): readonly Rule[] =>
    (rules ?? []).map((rule, i) => compileRule(rule, context, at.index(i)))
  const request = compile(json.requestRules, path.field('request_rules'))
  const response = compile(json.responseRules, path.field('response_rules'))
  return Object.freeze({ request, response })
}

function compileRule(json: RuleJson, context: CompileContext, path: ConfigPath): Rule {
  const { header = '', cookie = '', onHeaderPresent, onHeaderMissing, remove = false } = json
  const complain = (at: ConfigPath, message: string, expected: string): void =>
    context.diagnostics.error(at, message, { expected })
  if ((header === '') === (cookie === '')) complain(path, 'a rule reads one thing', 'either header or cookie')
  if (onHeaderPresent === undefined && onHeaderMissing === undefined) {
    complain(path, 'this rule does nothing', 'on_header_present, on_header_missing or both')
  }
  if (onHeaderMissing !== undefined && (onHeaderMissing.value ?? '') === '') {
    complain(path.field('on_header_missing'), 'there is no value to write', 'a value')
  }
  if (remove && (cookie !== '' || header.startsWith(':'))) {
    complain(path.field('remove'), 'only header lines can be removed', 'remove: false')
  }
  return {
    source: sourceOf(header, cookie),
    onPresent: compileTarget(onHeaderPresent, context, path.field('on_header_present')),
    onMissing: compileTarget(onHeaderMissing, context, path.field('on_header_missing')),
    remove,
  }
}

function sourceOf(header: string, cookie: string): Source {
  if (cookie !== '') return new CookieSource(toWireText(cookie))
  const name = header.toLowerCase() === ':authority' ? 'host' : header.toLowerCase()
  return name.startsWith(':') ? new PseudoHeaderSource(name) : new HeaderSource(HeaderName.of(name))
}

function compileTarget(json: KeyValuePairJson | undefined, context: CompileContext, path: ConfigPath): Target | null {
  if (json === undefined) return null
  const { metadataNamespace = '', key = '', value = '', regexValueRewrite } = json
  return {
    namespace: metadataNamespace === '' ? DEFAULT_NAMESPACE : metadataNamespace,
    key,
    constant: toWireText(value),
    rewrite:
      regexValueRewrite === undefined
        ? null
        : (compileRegexRewrite(regexValueRewrite, context, path.field('regex_value_rewrite')) ?? null),
    isNumber: json.type === 'NUMBER',
    isBase64: json.encode === 'BASE64',
  }
}
