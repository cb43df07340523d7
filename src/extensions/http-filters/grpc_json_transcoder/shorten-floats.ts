// 32-bit numbers are printed with as many digits as tell them apart from others of their kind: 0.1, not 0.10000000149.
import type { DescMessage, JsonValue } from '@bufbuild/protobuf'
import { FieldVisitor } from './field-visitor.ts'

const FLOAT = 2
const floats = new FieldVisitor(
  field => field.scalar === FLOAT || field.message?.typeName === 'google.protobuf.FloatValue',
)

/** Changes `object` in place. */
export function shortenFloats(message: DescMessage, object: JsonValue): void {
  floats.visit(message, object, (_field, values, key) => {
    const value = values[key]
    if (typeof value === 'number') values[key] = shortest(value)
    return null
  })
}

function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === Math.fround(value)) return rounded
  }
  return Number(value.toPrecision(9))
}
