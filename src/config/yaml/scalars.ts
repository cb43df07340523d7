// Envoy's reading of plain (unquoted) YAML scalars: yaml-cpp's words for booleans, then integers, else
// text. Quoted scalars never come here.

const TRUE = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
const FALSE = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
export const NULL: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL'])

const INTEGER = /^[-+]?(?:0x[0-9a-fA-F]+|[0-9]+)$/
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/

/** 0x20 is 32 and 010 is 8. Outside int32 the value stays text, which every 64-bit field takes and no digit is lost. */
function integer(text: string): number | string | undefined {
  const negative = text.startsWith('-')
  const digits = negative || text.startsWith('+') ? text.slice(1) : text
  const octal = digits.length > 1 && digits.startsWith('0') && !digits.startsWith('0x')
  if (octal && /[89]/.test(digits)) return undefined
  const value = BigInt(octal ? `0o${digits}` : digits) * (negative ? -1n : 1n)
  if (value > 0xffff_ffff_ffff_ffffn || value < -0x8000_0000_0000_0000n) return undefined
  return value >= -0x8000_0000n && value <= 0x7fff_ffffn ? Number(value) : String(value)
}

/** The JSON value of a plain scalar. */
export function plainScalar(text: string): string | number | boolean | null {
  // Most scalars are names and words: one look at the first character settles them without a pattern.
  const first = text.charCodeAt(0)
  const numeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46
  if (!numeric) {
    if (text.length > 5) return text
    if (NULL.has(text)) return null
    if (TRUE.has(text)) return true
    return FALSE.has(text) ? false : text
  }
  if (INTEGER.test(text)) {
    const value = integer(text)
    if (value !== undefined) return value
  }
  // Fractions stay text as well: number fields take them so, and a Struct keeps them as they are written.
  return text
}

/** The value of an unquoted scalar of a JSON text, where numbers are numbers unless a double would lose digits. */
export function jsonScalar(text: string): string | number | boolean | null {
  if (!JSON_NUMBER.test(text)) return plainScalar(text)
  const number = Number(text)
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number
}
