// What CEL's operators compute. Values come without errors; what does not fit together is one.
import { celEquals, celOrder, numeric } from './compare.ts'
import {
  CelBytes,
  CelDuration,
  CelError,
  CelMap,
  CelMessage,
  type CelResult,
  CelTimestamp,
  CelUint,
  type CelValue,
  isList,
  typeNameOf,
} from './values.ts'

export type CelOperator = (a: CelValue, b: CelValue) => CelResult

export const noOverload = (name: string, ...args: readonly CelValue[]): CelError =>
  new CelError(`no overload of ${name} for ${args.map(typeNameOf).join(', ')}`)

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n
const MAX_UINT = 2n ** 64n - 1n

export const intOf = (value: bigint): CelResult =>
  value < MIN || value > MAX ? new CelError('integer overflow') : value
export const uintOf = (value: bigint): CelResult =>
  value < 0n || value > MAX_UINT ? new CelError('unsigned integer overflow') : new CelUint(value)

interface Arithmetic {
  readonly ofIntegers: (a: bigint, b: bigint) => bigint
  readonly ofDoubles: ((a: number, b: number) => number) | null
}

const ARITHMETIC: Readonly<Record<string, Arithmetic>> = {
  '_+_': { ofIntegers: (a, b) => a + b, ofDoubles: (a, b) => a + b },
  '_-_': { ofIntegers: (a, b) => a - b, ofDoubles: (a, b) => a - b },
  '_*_': { ofIntegers: (a, b) => a * b, ofDoubles: (a, b) => a * b },
  '_/_': { ofIntegers: (a, b) => a / b, ofDoubles: (a, b) => a / b },
  '_%_': { ofIntegers: (a, b) => a % b, ofDoubles: null },
}

function arithmetic(name: string, { ofIntegers, ofDoubles }: Arithmetic): CelOperator {
  const divides = name === '_/_' || name === '_%_'
  return (a, b) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') {
      return divides && b === 0n ? new CelError('division by zero') : intOf(ofIntegers(a, b))
    }
    if (a instanceof CelUint && b instanceof CelUint) {
      return divides && b.value === 0n ? new CelError('division by zero') : uintOf(ofIntegers(a.value, b.value))
    }
    if (typeof a === 'number' && typeof b === 'number' && ofDoubles !== null) return ofDoubles(a, b)
    return ofTimes(name, a, b) ?? noOverload(name, a, b)
  }
}

function ofTimes(name: string, a: CelValue, b: CelValue): CelResult | undefined {
  if (name === '_+_') {
    if (a instanceof CelDuration && b instanceof CelDuration) return new CelDuration(a.ns + b.ns)
    if (a instanceof CelTimestamp && b instanceof CelDuration) return new CelTimestamp(a.ns + b.ns)
    if (a instanceof CelDuration && b instanceof CelTimestamp) return new CelTimestamp(a.ns + b.ns)
  } else if (name === '_-_') {
    if (a instanceof CelDuration && b instanceof CelDuration) return new CelDuration(a.ns - b.ns)
    if (a instanceof CelTimestamp && b instanceof CelDuration) return new CelTimestamp(a.ns - b.ns)
    if (a instanceof CelTimestamp && b instanceof CelTimestamp) return new CelDuration(a.ns - b.ns)
  }
  return undefined
}

const ordered =
  (name: string, holds: (order: number) => boolean): CelOperator =>
  (a, b) => {
    const order = celOrder(a, b)
    return order === null ? noOverload(name, a, b) : holds(order)
  }

const isIn: CelOperator = (value, container) => {
  if (container instanceof CelMap) return container.get(value) !== undefined
  if (container !== null && typeof container === 'object' && isList(container)) {
    return container.some(item => celEquals(item, value))
  }
  return noOverload('@in', value, container)
}

/** Null is a value. */
const orError = (value: CelValue | undefined, reason: string): CelResult =>
  value === undefined ? new CelError(reason) : value

const indexed: CelOperator = (container, key) => {
  if (container instanceof CelMap) return orError(container.get(key), 'no such key')
  if (container === null || typeof container !== 'object' || !isList(container)) {
    return noOverload('_[_]', container, key)
  }
  const index = Number(numeric(key) ?? Number.NaN)
  if (!Number.isInteger(index)) return noOverload('_[_]', container, key)
  return orError(container[index], 'index out of bounds')
}

/** Operators of two values; `&&`, `||` and `?:` are not among them, since they need not look at all. */
export const OPERATORS: Readonly<Record<string, CelOperator>> = {
  ...Object.fromEntries(Object.entries(ARITHMETIC).map(([name, how]) => [name, arithmetic(name, how)])),
  '_==_': (a, b) => celEquals(a, b),
  '_!=_': (a, b) => !celEquals(a, b),
  '_<_': ordered('_<_', order => order < 0),
  '_<=_': ordered('_<=_', order => order <= 0),
  '_>_': ordered('_>_', order => order > 0),
  '_>=_': ordered('_>=_', order => order >= 0),
  '@in': isIn,
  '_[_]': indexed,
}

export function negative(value: CelValue): CelResult {
  if (typeof value === 'bigint') return intOf(-value)
  return typeof value === 'number' ? -value : noOverload('-_', value)
}

export function selected(operand: CelValue, field: string): CelResult {
  if (operand instanceof CelMap) return orError(operand.get(field), 'no such key')
  if (operand instanceof CelMessage) return orError(operand.get(field), 'no such field')
  return noOverload('select', operand)
}

export function hasField(operand: CelValue, field: string): CelResult {
  if (operand instanceof CelMap) return operand.get(field) !== undefined
  if (!(operand instanceof CelMessage)) return noOverload('has', operand)
  return operand.get(field) === undefined ? new CelError('no such field') : operand.has(field)
}

/** Both texts or both bytes. */
export function concatenated(a: CelValue, b: CelValue): CelResult | undefined {
  if (typeof a === 'string' && typeof b === 'string') return a + b
  return a instanceof CelBytes && b instanceof CelBytes ? new CelBytes(a.text + b.text) : undefined
}
