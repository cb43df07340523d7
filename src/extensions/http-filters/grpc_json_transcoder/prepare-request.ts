// From a request's head: the method it maps to, and who translates its body.
import { CONTENT_TYPE, type HeaderMap } from '../../../http/index.ts'
import { isInside, resolveFieldPath } from './field-path.ts'
import { HttpBodyTranslator } from './http-body-request.ts'
import type { MethodBinding, MethodTable } from './method-table.ts'
import { type Binding, queryBindings } from './path-matcher.ts'
import { MessageWriter, type RequestTranslator, StreamTranslator, UnaryTranslator } from './request-translator.ts'
import type { TranscoderSettings } from './settings.ts'
import type { ResolvedBinding } from './weave.ts'

export interface PreparedRequest {
  readonly binding: MethodBinding
  readonly translator: RequestTranslator
}

export interface Rejection {
  readonly status: number
  readonly code: 'NOT_FOUND' | 'INVALID_ARGUMENT'
  readonly problem: string
}

/** null: the request is none of the transcoder's and passes as it is. */
export function prepareRequest(
  headers: HeaderMap,
  { matcher, registry }: MethodTable,
  settings: TranscoderSettings,
  maxBytes: number,
): PreparedRequest | Rejection | null {
  const { path } = headers
  const mark = path.indexOf('?')
  const plain = mark < 0 ? path : path.slice(0, mark)
  const match = matcher.find(headers.method, plain)
  if (match === null) {
    if (!settings.rejectsUnknownMethods) return null
    return { status: 404, code: 'NOT_FOUND', problem: `Could not resolve ${plain} to a method.` }
  }
  const binding = match.target
  const query = mark < 0 ? [] : queryBindings(path.slice(mark + 1), settings.ignoredParameters, settings.plusIsBlank)
  const resolved: ResolvedBinding[] = []
  const unknown: (readonly [string, string])[] = []
  for (const one of [...match.bindings, ...query]) {
    const problem = resolve(binding, one, resolved)
    if (problem === null) continue
    if (settings.capturesUnknownParameters) unknown.push([one.fieldPath.join('.'), one.value])
    else if (!settings.ignoresUnknownParameters) {
      return settings.rejectsUnknownParameters ? { status: 400, code: 'INVALID_ARGUMENT', problem } : null
    }
  }
  const writer = new MessageWriter(binding, registry, resolved, {
    caseInsensitiveEnums: settings.caseInsensitiveEnums,
    rejectCollisions: settings.rejectsCollisions,
  })
  return { binding, translator: translatorOf(binding, writer, headers.get(CONTENT_TYPE) ?? '', unknown, maxBytes) }
}

/** Returns what is wrong, or null. Fields inside an HttpBody are its own affair. */
function resolve(
  { method, bodyPath, requestIsHttpBody }: MethodBinding,
  binding: Binding,
  into: ResolvedBinding[],
): string | null {
  const path = resolveFieldPath(method.input, binding.fieldPath)
  if (path === null) {
    const { missing, type } = firstMissing(method.input, binding.fieldPath)
    return `Could not find field "${missing}" in the type "${type}".`
  }
  if (!requestIsHttpBody || !isInside(path, bodyPath)) into.push({ path, value: binding.value })
  return null
}

function firstMissing(
  input: MethodBinding['method']['input'],
  names: readonly string[],
): { readonly missing: string; readonly type: string } {
  for (let length = 1; length < names.length; length++) {
    const known = resolveFieldPath(input, names.slice(0, length))
    if (known === null) break
    const last = known[known.length - 1]
    const type = last?.fieldKind === 'message' ? last.message : undefined
    if (type === undefined || resolveFieldPath(type, names.slice(length, length + 1)) === null) {
      return { missing: names[length] as string, type: type?.typeName ?? names[length - 1]! }
    }
  }
  return { missing: names[0] as string, type: input.typeName }
}

function translatorOf(
  binding: MethodBinding,
  writer: MessageWriter,
  contentType: string,
  unknown: readonly (readonly [string, string])[],
  maxBytes: number,
): RequestTranslator {
  if (binding.requestIsHttpBody) return new HttpBodyTranslator(binding, writer, contentType, unknown, maxBytes)
  return binding.clientStreams ? new StreamTranslator(writer, maxBytes) : new UnaryTranslator(writer, maxBytes)
}
