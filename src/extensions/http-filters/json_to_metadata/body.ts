// JSON as Envoy reads it: UTF-8 only, and whole numbers keep every digit.
import { isUtf8 } from 'node:buffer'

/** As many digits may be more than a double holds. */
const LONG_NUMBER = /\d{16}/
const INTEGER = /^-?\d+$/
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
/** What the reviver is told besides is newer than its declaration. */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown

/** Null: no JSON, or a whole number above those of 64 bits. The only way JSON.parse has to say so is to throw. */
export function parseBody(body: Buffer): { readonly root: unknown } | null {
  if (!isUtf8(body)) return null
  const text = body.toString('utf8')
  try {
    return { root: LONG_NUMBER.test(text) ? parseWithSource(text, exact) : JSON.parse(text) }
  } catch {
    return null
  }
}

function exact(_key: string, value: unknown, { source }: Parameters<Reviver>[2]): unknown {
  if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value) || !INTEGER.test(source)) {
    return value
  }
  const integer = BigInt(source)
  if (integer > INT64_MAX) throw new RangeError('more than 64 bits')
  return integer < INT64_MIN ? value : integer
}
