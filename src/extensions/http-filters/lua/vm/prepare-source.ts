// Numbers of LuaJIT (5.1) are doubles; in Lua 5.4 a numeral without point or exponent is a 64-bit integer, which wraps
// around, does not divide by zero and loses its fraction as an error. So every such numeral becomes a float's: `7` -> `7.0`,
// `0xff` -> `0xffp0`. Lines stay what they are.

const WORD = /[A-Za-z0-9_]/
const LONG_BRACKET = /\[(=*)\[/y
const NUMERAL = /0[xX][0-9a-fA-F.]*(?:[pP][+-]?[0-9]+)?|[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?/y
const WORD_TAIL = /[A-Za-z0-9_]*/y

/** Position behind the long bracket that begins at `at`, or -1 where none does. */
function afterLongBracket(source: string, at: number): number {
  LONG_BRACKET.lastIndex = at
  const open = LONG_BRACKET.exec(source)
  if (open === null) return -1
  const close = source.indexOf(`]${open[1]}]`, LONG_BRACKET.lastIndex)
  return close < 0 ? source.length : close + open[1]!.length + 2
}

function afterComment(source: string, at: number): number {
  const long = afterLongBracket(source, at + 2)
  if (long >= 0) return long
  const end = source.indexOf('\n', at)
  return end < 0 ? source.length : end
}

/** Behind `\z` come line breaks that do not end the text. */
function afterEscape(source: string, at: number): number {
  if (source[at + 1] !== 'z') return at + 2
  let end = at + 2
  while (end < source.length && ' \t\r\n\f\v'.includes(source[end]!)) end++
  return end
}

function afterQuoted(source: string, at: number): number {
  const quote = source[at]
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === '\\') i = afterEscape(source, i) - 1
    else if (source[i] === quote) return i + 1
    else if (source[i] === '\n') return i
  }
  return source.length
}

function after(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(source) ? pattern.lastIndex : at
}

const isDigit = (char: string | undefined): boolean => char !== undefined && char >= '0' && char <= '9'

function asFloat(numeral: string): string {
  if (/^0[xX]/.test(numeral)) return /[pP.]/.test(numeral) ? numeral : `${numeral}p0`
  return /^[0-9]+$/.test(numeral) ? `${numeral}.0` : numeral
}

/** `source` with its numerals as floats. What is no Lua stays what it is, for the parser to complain about. */
export function prepareSource(source: string): string {
  let prepared = ''
  let copied = 0
  let at = 0
  while (at < source.length) {
    const char = source[at]!
    if (char === '-' && source[at + 1] === '-') at = afterComment(source, at)
    else if (char === '"' || char === "'") at = afterQuoted(source, at)
    else if (char === '[') at = Math.max(afterLongBracket(source, at), at + 1)
    else if (isDigit(char) || (char === '.' && isDigit(source[at + 1]))) {
      const end = after(NUMERAL, source, at)
      const tail = after(WORD_TAIL, source, end)
      // A numeral with letters behind it is malformed; it is left alone.
      if (tail === end && end > at) {
        prepared += source.slice(copied, at) + asFloat(source.slice(at, end))
        copied = end
      }
      at = Math.max(tail, at + 1)
    } else if (WORD.test(char)) at = after(WORD_TAIL, source, at)
    else if (char === '.') {
      // `a.b`, `..` and `...` are no numerals.
      while (source[at] === '.') at++
    } else at++
  }
  return prepared + source.slice(copied)
}
