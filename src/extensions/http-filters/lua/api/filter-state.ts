import { toWireText } from '../../../../base/index.ts'
import type { FilterStateObject } from '../../../../observability/index.ts'

const isObject = (value: unknown): value is FilterStateObject =>
  typeof value === 'object' && value !== null && 'serializeAsString' in value

/** A value of the filter state as text, null where it has none. */
export function filterStateText(value: unknown): string | null {
  if (isObject(value)) return toWireText(value.serializeAsString())
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return null
}
