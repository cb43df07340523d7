// HOT FILE (docs/hot-path.md): query_parameter_mutations. As Envoy: the query comes out sorted by key, its escapes undone.
import type { KeyValueMutationJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import type { HeaderMap } from '../../../http/index.ts'
import { celSettings } from '../../../net/index.ts'
import { compileFormat, type FormatContext, type Formatter } from '../../../observability/index.ts'

declareSupport('envoy.config.core.v3.KeyValueMutation', { supported: ['append', 'remove'] })
declareSupport('envoy.config.core.v3.KeyValueAppend', {
  supported: ['record', 'action'],
  refused: { entry: 'use record' },
})
declareSupport('envoy.config.core.v3.KeyValuePair', { supported: ['key', 'value'] })

/**
 * Parameters as key, value, key, value: few enough to be searched in order. Keys are decoded, so that they are compared by
 * what they mean; values are as they will be printed.
 */
type Parameters = string[]

interface Mutation {
  run(parameters: Parameters, context: FormatContext): void
}

const ESCAPE = /%([0-9A-Fa-f]{2})/g
/** What may not stand in a query as it is, or would be read as another parameter. Envoy lets it pass. */
const UNSAFE_KEY = /[^!$'()*,\-./0-9:;?@A-Z_a-z~%[\]|\\^`{}]/g
const UNSAFE_VALUE = /[^!$'()*+,\-./0-9:;=?@A-Z_a-z~%[\]|\\^`{}]/g
/** A percent sign that would turn what follows into an escape. */
const AMBIGUOUS_PERCENT = /%(?=[0-9A-Fa-f]{2})/g
/** Of values that the filter writes, everything else is escaped. */
const NOT_UNRESERVED = /[^A-Za-z0-9._*-]/g

const escapeByte = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
const decode = (text: string): string =>
  text.includes('%') ? text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text
const encode = (text: string, unsafe: RegExp): string =>
  text.replace(AMBIGUOUS_PERCENT, '%25').replace(unsafe, escapeByte)

function parse(query: string): Parameters {
  const parameters: Parameters = []
  if (query === '') return parameters
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    if (equals < 0) parameters.push(decode(part), '')
    else parameters.push(decode(part.slice(0, equals)), encode(decode(part.slice(equals + 1)), UNSAFE_VALUE))
  }
  return parameters
}

/** Sorted by key; several values of one key keep their order. */
function print(parameters: Parameters): string {
  const order: number[] = []
  for (let i = 0; i < parameters.length; i += 2) order.push(i)
  order.sort((a, b) => (parameters[a]! < parameters[b]! ? -1 : parameters[a]! > parameters[b]! ? 1 : a - b))
  let out = ''
  for (const i of order) {
    out += `${out === '' ? '' : '&'}${encode(parameters[i]!, UNSAFE_KEY)}=${parameters[i + 1]}`
  }
  return out
}

function find(parameters: Parameters, key: string): number {
  for (let i = 0; i < parameters.length; i += 2) if (parameters[i] === key) return i
  return -1
}

function removeAll(parameters: Parameters, key: string): void {
  for (let i = find(parameters, key); i >= 0; i = find(parameters, key)) parameters.splice(i, 2)
}

class RemoveParameter implements Mutation {
  private readonly key: string

  constructor(key: string) {
    this.key = key
  }

  run(parameters: Parameters): void {
    removeAll(parameters, this.key)
  }
}

type Action = 'APPEND_IF_EXISTS_OR_ADD' | 'ADD_IF_ABSENT' | 'OVERWRITE_IF_EXISTS_OR_ADD' | 'OVERWRITE_IF_EXISTS'

class AppendParameter implements Mutation {
  private readonly key: string
  private readonly formatter: Formatter
  private readonly whenPresent: boolean
  private readonly whenAbsent: boolean
  private readonly overwrites: boolean

  constructor(key: string, formatter: Formatter, action: Action) {
    this.key = key
    this.formatter = formatter
    this.whenPresent = action !== 'ADD_IF_ABSENT'
    this.whenAbsent = action !== 'OVERWRITE_IF_EXISTS'
    this.overwrites = action === 'OVERWRITE_IF_EXISTS' || action === 'OVERWRITE_IF_EXISTS_OR_ADD'
  }

  run(parameters: Parameters, context: FormatContext): void {
    const present = find(parameters, this.key) >= 0
    if (!(present ? this.whenPresent : this.whenAbsent)) return
    const value = this.formatter.format(context).replace(NOT_UNRESERVED, escapeByte)
    if (this.overwrites) removeAll(parameters, this.key)
    parameters.push(this.key, value)
  }
}

export class QueryParameterMutations {
  private readonly mutations: readonly Mutation[]

  constructor(mutations: readonly Mutation[]) {
    this.mutations = mutations
  }

  get isEmpty(): boolean {
    return this.mutations.length === 0
  }

  apply(headers: HeaderMap, context: FormatContext): void {
    const { path } = headers
    const question = path.indexOf('?')
    const parameters = parse(question < 0 ? '' : path.slice(question + 1))
    for (let i = 0; i < this.mutations.length; i++) this.mutations[i]!.run(parameters, context)
    const query = print(parameters)
    const bare = question < 0 ? path : path.slice(0, question)
    headers.path = query === '' ? bare : `${bare}?${query}`
  }
}

export function compileQueryParameters(
  mutations: readonly KeyValueMutationJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): QueryParameterMutations {
  const compiled: Mutation[] = []
  for (const [i, json] of (mutations ?? []).entries()) {
    const mutation = compileMutation(json, context, path.index(i))
    if (mutation !== undefined) compiled.push(mutation)
  }
  return new QueryParameterMutations(compiled)
}

/** Undefined after a diagnostic. */
function compileMutation(
  { append, remove }: KeyValueMutationJson,
  context: CompileContext,
  path: ConfigPath,
): Mutation | undefined {
  if (append === undefined) {
    if (remove !== undefined && remove !== '') return new RemoveParameter(toWireText(remove))
    context.diagnostics.error(path, 'this mutation does nothing', { expected: 'append or remove' })
    return undefined
  }
  const at = path.field('append').field('record')
  const value = append.record?.value
  if (append.record === undefined || typeof value !== 'string') {
    context.diagnostics.error(at, 'a query parameter needs a record with a text as its value', {
      expected: 'record: { key, value }',
    })
    return undefined
  }
  const formatter = compileFormat(value, { missing: '', cel: celSettings(undefined, context) })
  if ('error' in formatter) {
    context.diagnostics.error(at.field('value'), formatter.error, { found: value, code: 'bad-format' })
    return undefined
  }
  return new AppendParameter(toWireText(append.record.key ?? ''), formatter, append.action ?? 'APPEND_IF_EXISTS_OR_ADD')
}
