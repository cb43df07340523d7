import type { DescField, JsonObject, JsonValue } from '@bufbuild/protobuf'

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The key under which an object holds a field: its JSON name or its proto name. */
export function keyOf(object: JsonObject, field: DescField): string {
  return Object.hasOwn(object, field.name) && !Object.hasOwn(object, field.jsonName) ? field.name : field.jsonName
}

/** Integers that a JavaScript number cannot hold stay exact, as strings, which every integer field takes. */
export function parseJson(text: string): JsonValue {
  if (!/\d{16}/.test(text)) return JSON.parse(text) as JsonValue
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' &&
    Number.isInteger(value) &&
    !Number.isSafeInteger(value) &&
    context?.source !== undefined
      ? context.source
      : value,
  ) as JsonValue
}

/** As a browser may show it in a page: the characters that could end a script are escaped. */
export function printJson(value: JsonValue, whitespace: boolean): string {
  let text = whitespace ? `${JSON.stringify(value, null, 1)}\n` : JSON.stringify(value)
  if (text.includes('"@type":'))
    text = whitespace ? `${JSON.stringify(value, typeFirst, 1)}\n` : JSON.stringify(value, typeFirst)
  return text.replace(/[<>\u007f-\u009f\u2028\u2029]/g, escaped)
}

/** The type of a google.protobuf.Any comes before what it is the type of. */
function typeFirst(_key: string, value: JsonValue): JsonValue {
  return isObject(value) && Object.hasOwn(value, '@type') ? { '@type': value['@type'] as JsonValue, ...value } : value
}

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
