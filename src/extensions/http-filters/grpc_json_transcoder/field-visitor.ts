// Goes through the JSON of a message to the values of certain fields, and only where a type has such fields at all.
import type { DescField, DescMessage, JsonValue } from '@bufbuild/protobuf'
import { isObject, keyOf } from './json.ts'

type Values = Record<string | number, JsonValue>

/** May change `values[key]`; returns what is wrong with it, or null. `place`: names from the root on. */
export type Act = (field: DescField, values: Values, key: string | number, place: string) => string | null

/** Their JSON has a form of its own. */
const isWellKnown = (message: DescMessage): boolean => message.typeName.startsWith('google.protobuf.')

export class FieldVisitor {
  private readonly wanted: (field: DescField) => boolean
  private readonly answers = new WeakMap<DescMessage, boolean>()

  constructor(wanted: (field: DescField) => boolean) {
    this.wanted = wanted
  }

  /** Whether a message, or one inside it, has fields that are wanted; asked once per type. */
  private concerns(message: DescMessage): boolean {
    let answer = this.answers.get(message)
    if (answer === undefined) {
      const seen = new Set<DescMessage>([message])
      // Grows while it is walked.
      for (const one of seen) for (const field of one.fields) if (field.message !== undefined) seen.add(field.message)
      answer = [...seen].some(one => !isWellKnown(one) && one.fields.some(this.wanted))
      this.answers.set(message, answer)
    }
    return answer
  }

  /** The first thing that is wrong, or null. */
  visit(message: DescMessage, object: JsonValue | undefined, act: Act, at = ''): string | null {
    if (!isObject(object) || isWellKnown(message) || !this.concerns(message)) return null
    for (const field of message.fields) {
      const key = keyOf(object, field)
      const value = object[key]
      if (value === undefined || value === null) continue
      const wrong = this.visitField(field, object, key, value, act, at + field.name)
      if (wrong !== null) return wrong
    }
    return null
  }

  private visitField(
    field: DescField,
    holder: Values,
    key: string,
    value: JsonValue,
    act: Act,
    place: string,
  ): string | null {
    if (field.fieldKind !== 'list' && field.fieldKind !== 'map') return this.visitOne(field, holder, key, act, place)
    const values = value as unknown as Values
    const keys = Array.isArray(value) ? value.keys() : isObject(value) ? Object.keys(value) : []
    for (const one of keys) {
      const wrong = this.visitOne(field, values, one, act, place)
      if (wrong !== null) return wrong
    }
    return null
  }

  private visitOne(field: DescField, values: Values, key: string | number, act: Act, place: string): string | null {
    if (this.wanted(field)) return act(field, values, key, place)
    return field.message === undefined ? null : this.visit(field.message, values[key], act, `${place}.`)
  }
}
