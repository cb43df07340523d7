// Enums of a JSON body: names in any case where that is asked for, and names that nobody knows are an error.
import type { DescMessage, JsonValue } from '@bufbuild/protobuf'
import { convertEnum, typeText } from './convert.ts'
import { FieldVisitor } from './field-visitor.ts'

const enums = new FieldVisitor(field => field.enum !== undefined)

/** Changes `object` in place; returns what is wrong, or null. */
export function settleEnums(message: DescMessage, object: JsonValue, anyCase: boolean): string | null {
  return enums.visit(message, object, (field, values, key, place) => {
    const value = values[key]
    if (field.enum === undefined || typeof value !== 'string') return null
    const settled = convertEnum(field.enum, value, anyCase)
    if (settled === undefined) return `${place}: invalid value "${value}" for type ${typeText(field)}`
    values[key] = settled
    return null
  })
}
