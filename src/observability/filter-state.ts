import type { FilterStateObject } from './stream-info.ts'

/** An entry of a filter state as text; null: it is not there. */
export function textInFilterState(state: ReadonlyMap<string, unknown> | null, key: string): string | null {
  const value = state?.get(key)
  if (value === undefined) return null
  const { serializeAsString } = value as Partial<FilterStateObject>
  return serializeAsString === undefined ? String(value) : (value as FilterStateObject).serializeAsString()
}
