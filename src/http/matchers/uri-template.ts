// Path templates: extensions/path/match/uri_template.
//
// '*' is one segment, '**' any number of characters and only the last operator; '{name}', '{name=*}' and
// '{name=a/**}' give what they cover a name, which the rewrite may use; text may stand beside a variable.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { UriTemplateMatchConfigJson } from '#api/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts'
import { compileLinearRegex, type LinearRegex } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'

export const URI_TEMPLATE_MATCH = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig'
declareSupport(URI_TEMPLATE_MATCH, { supported: ['path_template'] })
declareSupport('envoy.config.core.v3.TypedExtensionConfig', { supported: ['name', 'typed_config'] })

/** Characters of a path segment (RFC 3986 pchar). */
const SEGMENT = "[a-zA-Z0-9-._~%!$&'()*+,;:@=]+"
const REST = "[a-zA-Z0-9-._~%!$&'()*+,;:@=/]*"
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
  const parser = new TemplateParser()
  const segments = text.slice(1).split(/\/(?![^{]*\})/)
  let source = ''
  for (const [i, segment] of segments.entries()) {
    if (segment === '' && i < segments.length - 1) return 'has an empty segment'
    source += `/${segment === '' ? '' : parser.segment(segment)}`
    if (parser.error !== '') return parser.error
  }
  if (parser.variables.length > MAX_VARIABLES) return `has more than ${MAX_VARIABLES} variables`
  const regex = compileLinearRegex(`^${source}$`)
  return 'error' in regex ? regex.error : new UriTemplate(text, parser.variables, regex)
}

/** Turns segments into regex source; the first mistake stands in `error`. */
class TemplateParser {
  readonly variables: string[] = []
  error = ''
  private restSeen = false

  segment(text: string): string {
    const variable = /^([^{}]*)\{([^{}=]*)(=[^{}]*)?\}([^{}]*)$/.exec(text)
    if (variable === null) return this.plain(text)
    const [, before = '', name = '', pattern = '=*', after = ''] = variable
    if (!NAME.test(name))
      return this.fail(`${name} is not a variable name (a letter, then up to 15 letters, digits or _)`)
    if (this.variables.includes(name)) return this.fail(`variable ${name} appears twice`)
    this.variables.push(name)
    const inner = pattern
      .slice(1)
      .split('/')
      .map(part => this.plain(part))
    return `${this.literal(before)}(${inner.join('/')})${this.literal(after)}`
  }

  /** An operator or text. */
  private plain(text: string): string {
    if (text !== '*' && text !== '**') return text === '' ? this.fail('has an empty part') : this.literal(text)
    if (this.restSeen) return this.fail('no operator may follow **')
    this.restSeen = text === '**'
    return this.restSeen ? REST : SEGMENT
  }

  private literal(text: string): string {
    if (text !== '' && !LITERAL.test(text)) return this.fail(`${text} is neither text nor an operator`)
    return text.replace(/[.$()+]/g, '\\$&')
  }

  private fail(error: string): string {
    if (this.error === '') this.error = error
    return ''
  }
}

export function compileUriTemplateMatch(
  policy: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): UriTemplate | undefined {
  const config = policy.typedConfig as (UriTemplateMatchConfigJson & { '@type'?: string }) | undefined
  if (!isPathPolicy(config, URI_TEMPLATE_MATCH, context, path)) return undefined
  const text = config?.pathTemplate ?? ''
  const template = parseUriTemplate(text)
  if (typeof template !== 'string') return template
  context.diagnostics.error(path.field('typed_config').field('path_template'), `not a path template: ${template}`, {
    found: text,
  })
  return undefined
}

/** Whether a path policy is of `type`; if not, that is said. */
export function isPathPolicy(
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
