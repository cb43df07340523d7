import type { FieldSchema, MessageSchema } from '../schema/message-schema.ts'
import { supportOf } from '../support.ts'

/** What this release does with one field; absent from the map: honoured. */
export interface Verdict {
  readonly refused?: string
  readonly accepted?: string
  /** Canonical value as text -> why it is refused. */
  readonly values?: Readonly<Record<string, string>>
}

export type Verdicts = ReadonlyMap<FieldSchema, Verdict>

const UNDECLARED = 'this release does not read it'

/** The declaration of a message turned around for the loader; null when nobody declared the message. */
export function verdictsOf(schema: MessageSchema): Verdicts | null {
  const support = supportOf(schema.typeName)
  if (support === undefined) return null
  const supported = new Set(support.supported)
  const verdicts = new Map<FieldSchema, Verdict>()
  for (const field of schema.fields) {
    const refused = support.refused[field.name]
    const accepted = support.accepted[field.name]
    const values = support.values[field.name]
    if (refused !== undefined) verdicts.set(field, { refused })
    else if (accepted !== undefined) verdicts.set(field, { accepted })
    else if (!supported.has(field.name)) verdicts.set(field, { refused: UNDECLARED })
    else if (values !== undefined) verdicts.set(field, { values })
  }
  return verdicts
}
