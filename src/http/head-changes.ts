// What differs between two states of a request's head: for explanations.
import type { HeaderMap } from './headers.ts'

export interface HeadChange {
  /** A header, or ':method', ':scheme', ':authority', ':path'. */
  readonly name: string
  /** null: it was not there. */
  readonly before: string | null
  /** null: it is gone. */
  readonly after: string | null
}

/** Every field of the head, those of the request line first; several lines of one name are shown as one. */
export function headFields(headers: HeaderMap): ReadonlyMap<string, string> {
  const { method, scheme, authority, path } = headers
  const fields = new Map<string, string>()
  for (const [name, value] of [
    [':method', method],
    [':scheme', scheme],
    [':authority', authority],
    [':path', path],
  ] as const) {
    if (value !== '') fields.set(name, value)
  }
  headers.forEach((name, value) => {
    if (name === 'host') return
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : `${before}, ${value}`)
  })
  return fields
}

export function headChanges(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly HeadChange[] {
  const changes: HeadChange[] = []
  for (const [name, value] of before) {
    const now = after.get(name) ?? null
    if (now !== value) changes.push({ name, before: value, after: now })
  }
  for (const [name, value] of after) if (!before.has(name)) changes.push({ name, before: null, after: value })
  return changes
}
