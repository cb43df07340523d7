// HOT FILE (docs/hot-path.md): headers_to_add and headers_to_remove of one level (route, virtual host, ...).
import type { HeaderValueOptionJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import type { FormatContext, StreamInfo } from '../../observability/index.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import {
  ADD_IF_ABSENT,
  APPEND,
  compileHeaderValue,
  type HeaderValue,
  isModifiable,
  OVERWRITE_IF_EXISTS,
} from './header-value.ts'

/**
 * One level's mutations. Envoy's order: removals; then every new value is computed from the headers as they are; then
 * those that overwrite are written, then those that append.
 */
export class HeaderMutations {
  static readonly none = new HeaderMutations([], [])

  readonly isEmpty: boolean
  private readonly toAdd: readonly HeaderValue[]
  private readonly toRemove: readonly HeaderName[]
  /** Constant values that are only appended need no first pass. */
  private readonly simple: boolean

  constructor(toAdd: readonly HeaderValue[], toRemove: readonly HeaderName[]) {
    this.toAdd = toAdd
    this.toRemove = toRemove
    this.isEmpty = toAdd.length === 0 && toRemove.length === 0
    this.simple = toAdd.every(value => value.constant && value.action === APPEND)
  }

  /** `headers` is the map to change: `request` or `response`, which format operators read. */
  apply(headers: HeaderMap, request: HeaderMap | null, response: HeaderMap | null, info: StreamInfo): void {
    for (const name of this.toRemove) headers.remove(name)
    if (this.toAdd.length === 0) return
    const context: FormatContext = {
      requestHeaders: request,
      responseHeaders: response,
      responseTrailers: null,
      info,
    }
    if (this.simple) {
      for (const value of this.toAdd) {
        const text = value.evaluate(context)
        if (text !== '' || value.keepEmpty) value.append(headers, text)
      }
      return
    }
    this.applyInTwoPasses(headers, context)
  }

  private applyInTwoPasses(headers: HeaderMap, context: FormatContext): void {
    const { toAdd } = this
    const texts: (string | null)[] = []
    for (const value of toAdd) texts.push(newValue(value, headers, context))
    for (let i = 0; i < toAdd.length; i++) {
      const text = texts[i]!
      const value = toAdd[i]!
      if (text !== null && value.overwrites) value.overwrite(headers, text)
    }
    for (let i = 0; i < toAdd.length; i++) {
      const text = texts[i]!
      const value = toAdd[i]!
      if (text !== null && !value.overwrites) value.append(headers, text)
    }
  }
}

/** Null: this header stays as it is. */
function newValue(value: HeaderValue, headers: HeaderMap, context: FormatContext): string | null {
  if (value.action === ADD_IF_ABSENT && headers.has(value.name)) return null
  if (value.action === OVERWRITE_IF_EXISTS && !headers.has(value.name)) return null
  const text = value.evaluate(context)
  return text === '' && !value.keepEmpty ? null : text
}

/** `path` is that of the message that holds the two lists; `fields` are their names in it. */
export function compileHeaderMutations(
  add: readonly HeaderValueOptionJson[] | undefined,
  remove: readonly string[] | undefined,
  context: CompileContext,
  path: ConfigPath,
  fields: { readonly add: string; readonly remove: string } = { add: '', remove: '' },
): HeaderMutations {
  if ((add === undefined || add.length === 0) && (remove === undefined || remove.length === 0)) {
    return HeaderMutations.none
  }
  const addPath = fields.add === '' ? path : path.field(fields.add)
  const removePath = fields.remove === '' ? path : path.field(fields.remove)
  const values: HeaderValue[] = []
  for (const [i, option] of (add ?? []).entries()) {
    const value = compileHeaderValue(option, context, addPath.index(i))
    if (value !== undefined) values.push(value)
  }
  const names: HeaderName[] = []
  for (const [i, name] of (remove ?? []).entries()) {
    if (isModifiable(name)) names.push(HeaderName.of(name))
    else {
      context.diagnostics.error(removePath.index(i), `${name} cannot be removed by a header mutation`, {
        expected: 'a header name that is neither "host" nor starts with ":"',
        found: name,
      })
    }
  }
  return new HeaderMutations(values, names)
}

/** The four lists that routes, virtual hosts, route configurations and weighted clusters have in common. */
export interface MutationLists {
  readonly requestHeadersToAdd?: readonly HeaderValueOptionJson[]
  readonly requestHeadersToRemove?: readonly string[]
  readonly responseHeadersToAdd?: readonly HeaderValueOptionJson[]
  readonly responseHeadersToRemove?: readonly string[]
}

export interface MutationLevel {
  readonly request: HeaderMutations
  readonly response: HeaderMutations
}

export function compileMutationLevel(lists: MutationLists, context: CompileContext, path: ConfigPath): MutationLevel {
  const compile = (kind: 'request' | 'response'): HeaderMutations =>
    compileHeaderMutations(
      kind === 'request' ? lists.requestHeadersToAdd : lists.responseHeadersToAdd,
      kind === 'request' ? lists.requestHeadersToRemove : lists.responseHeadersToRemove,
      context,
      path,
      { add: `${kind}_headers_to_add`, remove: `${kind}_headers_to_remove` },
    )
  return { request: compile('request'), response: compile('response') }
}
