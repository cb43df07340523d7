// Equality and order of CEL's values. Numbers are compared by value across their three types.
import { CelBytes, CelDuration, CelMap, CelTimestamp, CelType, CelUint, type CelValue, isList } from './values.ts'

type Numeric = bigint | number

/** Null: it is no number. */
export function numeric(value: CelValue): Numeric | null {
  if (typeof value === 'bigint' || typeof value === 'number') return value
  return value instanceof CelUint ? value.value : null
}

/** Values of different kinds are unequal, never an error. */
export function celEquals(a: CelValue, b: CelValue): boolean {
  const [left, right] = [numeric(a), numeric(b)]
  // JavaScript compares a bigint and a number by value as well, in `==` alone; here without rounding.
  if (left !== null && right !== null) return left >= right && left <= right
  if (a instanceof CelBytes) return b instanceof CelBytes && a.text === b.text
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.ns === b.ns
  if (a instanceof CelDuration) return b instanceof CelDuration && a.ns === b.ns
  if (a instanceof CelType) return b instanceof CelType && a.name === b.name
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b)
  if (a !== null && typeof a === 'object' && isList(a)) {
    if (b === null || typeof b !== 'object' || !isList(b) || a.length !== b.length) return false
    return a.every((item, i) => celEquals(item, b[i]!))
  }
  return a === b
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  const keys = a.keys()
  if (keys === null || b.keys() === null || a.size !== b.size) return a === b
  return keys.every(key => {
    const [left, right] = [a.get(key), b.get(key)]
    return left !== undefined && right !== undefined && celEquals(left, right)
  })
}

const sign = (less: boolean, greater: boolean): number => (less ? -1 : greater ? 1 : 0)

/** Below, at or above zero; NaN: in no order; null: these two cannot be compared. */
export function celOrder(a: CelValue, b: CelValue): number | null {
  const [left, right] = [numeric(a), numeric(b)]
  if (left !== null && right !== null) {
    if (Number.isNaN(left) || Number.isNaN(right)) return Number.NaN
    return sign(left < right, left > right)
  }
  if (typeof a === 'string' && typeof b === 'string') return sign(a < b, a > b)
  if (typeof a === 'boolean' && typeof b === 'boolean') return sign(a < b, a > b)
  if (a instanceof CelBytes && b instanceof CelBytes) return sign(a.text < b.text, a.text > b.text)
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return sign(a.ns < b.ns, a.ns > b.ns)
  if (a instanceof CelDuration && b instanceof CelDuration) return sign(a.ns < b.ns, a.ns > b.ns)
  return null
}
