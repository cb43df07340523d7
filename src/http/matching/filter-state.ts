import type { FilterStateObject, StreamInfo } from '../../observability/index.ts'

/** An entry of the filter state as text; null: it is not there. */
export function filterStateText({ filterState }: StreamInfo, key: string): string | null {
  const value = filterState?.get(key)
  if (value === undefined) return null
  const { serializeAsString } = value as Partial<FilterStateObject>
  return serializeAsString === undefined ? String(value) : (value as FilterStateObject).serializeAsString()
}
