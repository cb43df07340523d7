// CEL's text cut into tokens.
import { toWireText } from '../wire-text.ts'
import { CelBytes, CelUint, type CelValue } from './values.ts'

export interface CelToken {
  readonly kind: 'literal' | 'name' | 'sign' | 'end'
  readonly text: string
  /** Of a literal. */
  readonly value: CelValue
  /** Where it begins, 0-based. */
  readonly offset: number
}

export interface CelSyntaxError {
  readonly error: string
  readonly offset: number
}

const SPACE = /(?:[\t\n\f\r ]|\/\/[^\n]*)+/y
const NUMBER = /(?:0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?|\d+[uU]?)/y
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const SIGN = /\.\?|\[\?|\{\?|[=!<>]=|&&|\|\||[-+*/%<>!?:.,()[\]{}]/y
const STRING = /[bB]?[rR]?(?:"""[\s\S]*?(?<!\\)"""|'''[\s\S]*?(?<!\\)'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/y
const RAW_STRING = /[bB]?[rR](?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*')/y

const LARGEST = 2n ** 63n
const LARGEST_UINT = 2n ** 64n - 1n

function at(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset
  return pattern.exec(text)?.[0]
}

export function celTokens(text: string): readonly CelToken[] | CelSyntaxError {
  const tokens: CelToken[] = []
  for (let offset = 0; offset < text.length; ) {
    const space = at(SPACE, text, offset)
    if (space !== undefined) {
      offset += space.length
      continue
    }
    const token = tokenAt(text, offset, tokens.at(-1)?.text === '-')
    if ('error' in token) return token
    tokens.push(token)
    offset += token.text.length
  }
  tokens.push({ kind: 'end', text: '', value: null, offset: text.length })
  return tokens
}

function tokenAt(text: string, offset: number, negated: boolean): CelToken | CelSyntaxError {
  const string = at(RAW_STRING, text, offset) ?? at(STRING, text, offset)
  if (string !== undefined) {
    const value = stringValue(string)
    return value === null ? { error: 'unknown escape in a string', offset } : literal(string, value, offset)
  }
  const number = at(NUMBER, text, offset)
  if (number !== undefined) {
    const value = numberValue(number, negated)
    return value === null ? { error: 'the number is out of range', offset } : literal(number, value, offset)
  }
  const name = at(NAME, text, offset)
  if (name === 'true' || name === 'false') return literal(name, name === 'true', offset)
  if (name === 'null') return literal(name, null, offset)
  if (name !== undefined) return { kind: name === 'in' ? 'sign' : 'name', text: name, value: null, offset }
  const sign = at(SIGN, text, offset)
  if (sign !== undefined) return { kind: 'sign', text: sign, value: null, offset }
  return { error: `unexpected ${JSON.stringify(text[offset])}`, offset }
}

const literal = (text: string, value: CelValue, offset: number): CelToken => ({ kind: 'literal', text, value, offset })

/** Null: out of range. The smallest integer has no positive counterpart. */
function numberValue(text: string, negated: boolean): CelValue {
  if (/^0x/i.test(text) || !/[.eE]/.test(text)) {
    const unsigned = /u$/i.test(text)
    const value = BigInt(unsigned ? text.slice(0, -1) : text)
    if (unsigned) return value > LARGEST_UINT ? null : new CelUint(value)
    return value > LARGEST || (value === LARGEST && !negated) ? null : value
  }
  return Number(text)
}

const ESCAPE =
  /\\(?:([abfnrtv\\'"`?])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/g
const CONTROL: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** Null: an escape that does not exist. */
function stringValue(text: string): CelValue {
  const prefix = /^[rRbB]*/.exec(text)![0].toLowerCase()
  const quoted = text.slice(prefix.length)
  const quotes = /^(?:"""|''')/.test(quoted) ? 3 : 1
  const inner = quoted.slice(quotes, quoted.length - quotes)
  const bytes = prefix.includes('b')
  const value = prefix.includes('r') ? toWireText(inner) : unescaped(inner, bytes)
  if (value === null) return null
  return bytes ? new CelBytes(value) : value
}

/** \x and octal escapes are bytes among bytes, and characters among characters. */
function unescaped(inner: string, bytes: boolean): string | null {
  let out = ''
  let from = 0
  for (const match of inner.matchAll(ESCAPE)) {
    out += toWireText(inner.slice(from, match.index))
    from = match.index + match[0].length
    const [, plain, hex, short, long, octal] = match
    if (plain !== undefined) {
      out += CONTROL[plain] ?? plain
      continue
    }
    const code = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8)
    if (Number.isNaN(code) || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null
    if (bytes && (hex !== undefined || octal !== undefined)) out += String.fromCharCode(code)
    else out += toWireText(String.fromCodePoint(code))
  }
  return out + toWireText(inner.slice(from))
}
