// The methods of the configured services: what maps to them, and what their messages are.
import type { DescMethod, FileRegistry } from '@bufbuild/protobuf'
import { type FieldPath, HTTP_BODY, messageAt, resolveFieldPath } from './field-path.ts'
import { type HttpRule, httpRulesOf } from './http-rule.ts'
import { PathMatcher } from './path-matcher.ts'
import type { UnescapeSpec } from './url-unescape.ts'

/** One rule of one method. */
export interface MethodBinding {
  readonly method: DescMethod
  /** '/package.Service/Method' */
  readonly path: string
  readonly clientStreams: boolean
  readonly serverStreams: boolean
  /** Where the request's body goes; empty: it is the request. */
  readonly bodyPath: FieldPath
  readonly requestIsHttpBody: boolean
  /** What of the response is shown; empty: all. */
  readonly responsePath: FieldPath
  readonly responseIsHttpBody: boolean
}

export interface MethodTable {
  readonly registry: FileRegistry
  readonly matcher: PathMatcher<MethodBinding>
}

export interface MethodTableOptions {
  readonly services: readonly string[]
  readonly autoMapping: boolean
  readonly unescape: UnescapeSpec
  readonly anyVerb: boolean
}

/** What stands in the way of a table is told to `complain`. */
export function buildMethodTable(
  registry: FileRegistry,
  options: MethodTableOptions,
  complain: (problem: string) => void,
): MethodTable {
  const matcher = new PathMatcher<MethodBinding>(options.unescape, options.anyVerb)
  for (const name of options.services) {
    const service = registry.getService(name)
    if (service === undefined) {
      complain(`no service ${name} in the descriptors`)
      continue
    }
    for (const method of service.methods) addMethod(matcher, method, options.autoMapping, complain)
  }
  return { registry, matcher }
}

function addMethod(
  matcher: PathMatcher<MethodBinding>,
  method: DescMethod,
  autoMapping: boolean,
  complain: (problem: string) => void,
): void {
  const name = `${method.parent.typeName}.${method.name}`
  const path = `/${method.parent.typeName}/${method.name}`
  let rules = httpRulesOf(method)
  if (rules.length === 0 && autoMapping) {
    rules = [{ httpMethod: 'POST', template: path, body: '*', responseBody: '' }]
  }
  for (const rule of rules) {
    const binding = bind(method, path, rule)
    if (binding === null)
      complain(`${name} names a body that its messages do not have: ${rule.body || rule.responseBody}`)
    else if (!matcher.add(rule.httpMethod, rule.template, binding)) {
      complain(`${name} cannot be mapped to ${rule.httpMethod} ${rule.template}: no template, or it is taken`)
    }
  }
}

function bind(method: DescMethod, path: string, rule: HttpRule): MethodBinding | null {
  const bodyPath = resolveFieldPath(method.input, namesOf(rule.body))
  const responsePath = resolveFieldPath(method.output, namesOf(rule.responseBody))
  if (bodyPath === null || responsePath === null) return null
  const { methodKind } = method
  return Object.freeze({
    method,
    path,
    clientStreams: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    serverStreams: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    bodyPath,
    requestIsHttpBody: messageAt(method.input, bodyPath)?.typeName === HTTP_BODY,
    responsePath,
    responseIsHttpBody: messageAt(method.output, responsePath)?.typeName === HTTP_BODY,
  })
}

const namesOf = (body: string): readonly string[] => (body === '' || body === '*' ? [] : body.split('.'))
