import type { DiagnosticDetail } from '../diagnostics.ts'
import { nearestName, typeName } from '../names.ts'
import type { SchemaTable } from '../schema/table.ts'
import { REFUSED_EXTENSIONS } from '../support/refused-extensions.ts'
import { declaredMessages, supportOf } from '../support.ts'

/** The message that an Any carries. */
export interface AnyTarget {
  readonly typeName: string
  readonly payload: unknown
  /** Kind of a well-known message, whose JSON stands under `value`; else ''. */
  readonly wellKnown: string
  /** Path from the Any to the payload. */
  readonly at: readonly string[]
}

export interface AnyProblem {
  readonly problem: string
  readonly detail: DiagnosticDetail
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  'google.protobuf.Struct': 'struct',
  'google.protobuf.Value': 'value',
  'google.protobuf.ListValue': 'list_value',
  'google.protobuf.Duration': 'duration',
  'google.protobuf.Timestamp': 'timestamp',
}

/** Envoy takes the JSON of any extension config inside these, under `value`, with its type under `type_url`. */
const TYPED_STRUCT = new Set(['xds.type.v3.TypedStruct', 'udpa.type.v1.TypedStruct'])

/** The declared extension configs of the same kind: those of the same folder of the API. */
function knownTypes(name: string): readonly string[] {
  const kind = name.split('.').slice(0, -3).join('.')
  return declaredMessages()
    .map(support => support.typeName)
    .filter(
      type =>
        /\.v\d+(alpha)?\.[^.]+$/.test(type) && type.startsWith(`${kind}.`) && kind.startsWith('envoy.extensions.'),
    )
}

function unusable(name: string, table: SchemaTable): AnyProblem | undefined {
  const exists = table.message(name) !== undefined
  if (exists && (supportOf(name) !== undefined || name in WELL_KNOWN || TYPED_STRUCT.has(name))) return undefined
  if (Object.hasOwn(REFUSED_EXTENSIONS, name)) {
    return { problem: `${name} is not supported: ${REFUSED_EXTENSIONS[name]}`, detail: {} }
  }
  const known = knownTypes(name)
  const expected = known.length === 0 ? undefined : `one of ${known.join(', ')}`
  if (exists) {
    return {
      problem: `${name} is not supported by this release`,
      detail: { ...(expected === undefined ? {} : { expected }) },
    }
  }
  const declared = declaredMessages().map(support => support.typeName)
  const suggestion = nearestName(name, declared) ?? nearestName(name, table.typeNames())
  return {
    problem: `no message type ${name} in the Envoy API`,
    detail: { ...(expected === undefined ? {} : { expected }), ...(suggestion === undefined ? {} : { suggestion }) },
  }
}

/** Finds the message that an Any in JSON form carries, looking through TypedStruct. */
export function resolveAny(
  any: Readonly<Record<string, unknown>>,
  table: SchemaTable,
  checkSupport = true,
): AnyTarget | AnyProblem {
  const url = any['@type']
  if (typeof url !== 'string')
    return { problem: 'is missing', detail: { expected: "a type URL such as 'type.googleapis.com/envoy...'" } }
  if (!url.includes('/')) {
    return {
      problem: 'is not a type URL',
      detail: { expected: `type.googleapis.com/${url}`, found: JSON.stringify(url) },
    }
  }
  const name = typeName({ '@type': url })
  const problem = checkSupport || table.message(name) === undefined ? unusable(name, table) : undefined
  if (problem !== undefined) return problem
  const wellKnown = WELL_KNOWN[name] ?? ''
  if (wellKnown !== '') return { typeName: name, payload: any['value'], wellKnown, at: ['value'] }
  const { '@type': _, ...payload } = any
  if (!TYPED_STRUCT.has(name)) return { typeName: name, payload, wellKnown, at: [] }
  const inner = { '@type': payload['type_url'] ?? payload['typeUrl'], ...(payload['value'] as object | undefined) }
  const target = resolveAny(inner, table, checkSupport)
  return 'problem' in target ? target : { ...target, at: ['value', ...target.at] }
}
