// opentelemetry.proto.common.v1.KeyValue in the form that message codecs take.
import type { TagKind } from '../../../observability/index.ts'

export interface KeyValue {
  readonly key: string
  readonly value: object
}

const NOT_ASCII = /[^\x00-\x7f]/
const TRUE = /^(?:true|t|yes|y|1)$/i
const BOOLEAN = /^(?:true|t|yes|y|1|false|f|no|n|0)$/i
const INTEGER = /^[+-]?\d{1,19}$/

/** Protobuf texts are UTF-8. */
export const text = (latin1: string): string =>
  NOT_ASCII.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1

/** A value that is not of its kind stays a text. */
export function attribute(name: string, value: string, kind: TagKind): KeyValue {
  return { key: text(name), value: { value: valueAs(value, kind) } }
}

function valueAs(value: string, kind: TagKind): object {
  if (kind === 'int' && INTEGER.test(value)) return { case: 'intValue', value: BigInt.asIntN(64, BigInt(value)) }
  if (kind === 'double' && value.trim() !== '' && !Number.isNaN(Number(value))) {
    return { case: 'doubleValue', value: Number(value) }
  }
  if (kind === 'bool' && BOOLEAN.test(value)) return { case: 'boolValue', value: TRUE.test(value) }
  return { case: 'stringValue', value: text(value) }
}
