// Path templates: extensions/path/match/uri_template and extensions/path/rewrite/uri_template.
//
// '*' is one segment, '**' any number of characters and only the last operator; '{name}', '{name=*}' and
// '{name=a/**}' give what they cover a name, which the rewrite may use. Literals are compared byte for byte.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { UriTemplateMatchConfigJson } from '#api/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts'
import type { UriTemplateRewriteConfigJson } from '#api/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts'
import { compileLinearRegex, type LinearRegex } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'

const MATCH = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig'
const REWRITE = 'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig'
declareSupport(MATCH, { supported: ['path_template'] })
declareSupport(REWRITE, { supported: ['path_template_rewrite'] })
declareSupport('envoy.config.core.v3.TypedExtensionConfig', { supported: ['name', 'typed_config'] })

/** Characters of a path segment (RFC 3986 pchar). */
const SEGMENT = "[a-zA-Z0-9-._~%!$&'()+,;:@=]+"
const REST = "[a-zA-Z0-9-._~%!$&'()+,;:@=*/]*"
const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/
const NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,15}$/
const MAX_VARIABLES = 5

export class UriTemplate {
  readonly text: string
  /** Variable names in the order of their groups. */
  readonly variables: readonly string[]
  private readonly regex: LinearRegex

  constructor(text: string, variables: readonly string[], regex: LinearRegex) {
    this.text = text
    this.variables = variables
    this.regex = regex
  }

  get literalPrefix(): string {
    return this.regex.literalPrefix
  }

  matches(path: string): boolean {
    return this.regex.matches(path)
  }

  /** A function from path to rewritten path, or why there is none. */
  rewriter(rewrite: string): ((path: string) => string) | string {
    if (!rewrite.startsWith('/')) return 'must start with a slash'
    const parts: (string | number)[] = []
    for (const part of rewrite.split(/(\{[^{}]*\})/)) {
      if (part === '') continue
      if (!part.startsWith('{')) {
        if (/[{}*]/.test(part)) return `${part} is neither text nor a variable`
        parts.push(part)
        continue
      }
      const group = this.variables.indexOf(part.slice(1, -1))
      if (group < 0) return `${part} is not a variable of ${this.text}`
      parts.push(group + 1)
    }
    const substitution = {
      highestGroup: this.variables.length,
      expand: (groups: readonly (string | undefined)[]) =>
        parts.map(part => (typeof part === 'number' ? (groups[part] ?? '') : part)).join(''),
    }
    return path => this.regex.replaceAll(path, substitution)
  }
}

/** The template, or why it is none. */
export function parseUriTemplate(text: string): UriTemplate | string {
  if (!text.startsWith('/')) return 'must start with a slash'
  const variables: string[] = []
  let source = ''
  let restSeen = false
  for (const segment of splitSegments(text.slice(1))) {
    if (restSeen) return 'nothing may follow **'
    const translated = translateSegment(segment, variables)
    if (translated.error !== undefined) return translated.error
    source += `/${translated.source}`
    restSeen = translated.rest
  }
  if (variables.length > MAX_VARIABLES) return `has more than ${MAX_VARIABLES} variables`
  const regex = compileLinearRegex(`^${source}$`)
  return 'error' in regex ? regex.error : new UriTemplate(text, variables, regex)
}

/** Splits at slashes outside braces. */
function splitSegments(text: string): readonly string[] {
  return text.split(/\/(?![^{]*\})/)
}

interface TranslatedSegment {
  readonly source: string
  readonly rest: boolean
  readonly error?: string
}

const failed = (error: string): TranslatedSegment => ({ source: '', rest: false, error })

function translateSegment(segment: string, variables: string[]): TranslatedSegment {
  if (segment === '*') return { source: SEGMENT, rest: false }
  if (segment === '**') return { source: REST, rest: true }
  if (segment === '') return { source: '', rest: false }
  const variable = /^\{([^=}]*)(?:=([^}]*))?\}(.*)$/.exec(segment)
  if (variable === null) {
    if (!LITERAL.test(segment)) return failed(`${segment} is not a path segment`)
    return { source: segment.replace(/[.$()+]/g, '\\$&'), rest: false }
  }
  const [, name = '', pattern = '*', suffix = ''] = variable
  if (!NAME.test(name)) return failed(`${name} is not a variable name (a letter, then up to 15 letters, digits or _)`)
  if (variables.includes(name)) return failed(`variable ${name} appears twice`)
  if (suffix !== '' && !LITERAL.test(suffix)) return failed(`${suffix} is not text`)
  variables.push(name)
  let inner = ''
  let rest = false
  for (const part of pattern.split('/')) {
    if (rest) return failed('nothing may follow **')
    const translated = part.startsWith('{') ? failed('variables do not nest') : translateSegment(part, variables)
    if (translated.error !== undefined) return translated
    inner += inner === '' ? translated.source : `/${translated.source}`
    rest = translated.rest
  }
  if (rest && suffix !== '') return failed('nothing may follow **')
  return { source: `(${inner})${suffix.replace(/[.$()+]/g, '\\$&')}`, rest }
}

export function compileUriTemplateMatch(
  policy: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): UriTemplate | undefined {
  const config = policy.typedConfig as (UriTemplateMatchConfigJson & { '@type'?: string }) | undefined
  if (!isType(config, MATCH, context, path)) return undefined
  const text = config?.pathTemplate ?? ''
  const template = parseUriTemplate(text)
  if (typeof template !== 'string') return template
  context.diagnostics.error(path.field('typed_config').field('path_template'), `not a path template: ${template}`, {
    found: text,
  })
  return undefined
}

/** `template`: that of the route's match, which names the variables. */
export function compileUriTemplateRewrite(
  policy: TypedExtensionConfigJson,
  template: UriTemplate | null,
  context: CompileContext,
  path: ConfigPath,
): ((path: string) => string) | undefined {
  const config = policy.typedConfig as (UriTemplateRewriteConfigJson & { '@type'?: string }) | undefined
  if (!isType(config, REWRITE, context, path)) return undefined
  if (template === null) {
    context.diagnostics.error(path, 'a template rewrite needs a template match on the same route', {
      expected: `path_match_policy of type ${MATCH}`,
    })
    return undefined
  }
  const text = config?.pathTemplateRewrite ?? ''
  const rewriter = template.rewriter(text)
  if (typeof rewriter !== 'string') return rewriter
  const at = path.field('typed_config').field('path_template_rewrite')
  context.diagnostics.error(at, `not a path rewrite: ${rewriter}`, { found: text })
  return undefined
}

function isType(
  config: { '@type'?: string } | undefined,
  type: string,
  context: CompileContext,
  path: ConfigPath,
): boolean {
  const found = config === undefined ? '' : typeName(config)
  if (found === type) return true
  context.diagnostics.error(path.field('typed_config'), 'unknown path policy', { expected: type, found })
  return false
}
