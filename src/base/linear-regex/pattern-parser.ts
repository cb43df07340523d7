// Parses the plain part of RE2's syntax over bytes. Answers null for all else: the caller then uses RE2JS.

export type RegexNode =
  | { readonly kind: 'chars'; readonly set: bigint; readonly min: number; readonly max: number }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly body: RegexNode; readonly capturing: boolean; readonly optional: boolean }
  | { readonly kind: 'choice'; readonly branches: readonly RegexNode[] }

export interface ParsedPattern {
  readonly root: RegexNode
  readonly anchoredStart: boolean
  readonly anchoredEnd: boolean
}

const ALL = (1n << 256n) - 1n
const bit = (code: number): bigint => 1n << BigInt(code)
const range = (low: number, high: number): bigint => (bit(high + 1) - 1n) & ~(bit(low) - 1n)
const setOf = (characters: string): bigint => [...characters].reduce((set, c) => set | bit(c.charCodeAt(0)), 0n)

const DIGIT = range(48, 57)
const WORD = DIGIT | range(65, 90) | range(97, 122) | setOf('_')
const SPACE = setOf('\t\n\f\r ')
const CLASSES: Readonly<Record<string, bigint>> = {
  d: DIGIT,
  D: ALL & ~DIGIT,
  w: WORD,
  W: ALL & ~WORD,
  s: SPACE,
  S: ALL & ~SPACE,
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, f: 12 }
const NOT_NEWLINE = ALL & ~setOf('\n')
const PLAIN = /^[\x20-\x7e]*$/
const PUNCTUATION = /^[!-/:-@[-`{-~]$/
const MAX_DEPTH = 20

class Parser {
  private at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  get done(): boolean {
    return this.at === this.text.length
  }

  choice(depth: number): RegexNode | null {
    if (depth > MAX_DEPTH) return null
    const branches: RegexNode[] = []
    do {
      const branch = this.sequence(depth)
      if (branch === null) return null
      branches.push(branch)
    } while (this.take('|'))
    return branches.length === 1 ? branches[0]! : { kind: 'choice', branches }
  }

  private sequence(depth: number): RegexNode | null {
    const items: RegexNode[] = []
    while (!this.done && this.text[this.at] !== '|' && this.text[this.at] !== ')') {
      const item = this.take('(') ? this.group(depth) : this.characters()
      if (item === null) return null
      items.push(item)
    }
    return { kind: 'sequence', items }
  }

  private group(depth: number): RegexNode | null {
    let capturing = true
    if (this.take('?')) {
      if (!this.take(':')) return null
      capturing = false
    }
    const body = this.choice(depth + 1)
    if (body === null || !this.take(')')) return null
    const optional = this.take('?')
    if (this.atQuantifier()) return null
    return { kind: 'group', body, capturing, optional }
  }

  private characters(): RegexNode | null {
    const set = this.set()
    if (set === null) return null
    const count = this.count()
    if (count === null || this.atQuantifier()) return null
    return { kind: 'chars', set, ...count }
  }

  private set(): bigint | null {
    const c = this.text[this.at++]!
    if (c === '.') return NOT_NEWLINE
    if (c === '[') return this.bracket()
    if (c === '\\') return this.escape()
    return '^$*+?{}]'.includes(c) ? null : bit(c.charCodeAt(0))
  }

  private escape(): bigint | null {
    const c = this.text[this.at++]
    if (c === undefined) return null
    if (PUNCTUATION.test(c)) return bit(c.charCodeAt(0))
    const control = CONTROLS[c]
    return control === undefined ? (CLASSES[c] ?? null) : bit(control)
  }

  private bracket(): bigint | null {
    const negated = this.take('^')
    let set = 0n
    while (!this.take(']')) {
      const low = this.bracketItem()
      if (low === null) return null
      if (this.text[this.at] !== '-' || this.text[this.at + 1] === ']') {
        set |= low
        continue
      }
      this.at++
      const high = this.bracketItem()
      const from = high === null ? null : onlyCharacter(low)
      const to = high === null ? null : onlyCharacter(high)
      if (from === null || to === null || from > to) return null
      set |= range(from, to)
    }
    if (set === 0n) return null
    return negated ? ALL & ~set : set
  }

  private bracketItem(): bigint | null {
    const c = this.text[this.at++]
    if (c === undefined || c === '[' || c === ']') return null
    return c === '\\' ? this.escape() : bit(c.charCodeAt(0))
  }

  private count(): { min: number; max: number } | null {
    if (this.take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.take('?')) return { min: 0, max: 1 }
    if (this.text[this.at] !== '{') return { min: 1, max: 1 }
    const found = /^\{(\d+)(,(\d*))?\}/.exec(this.text.slice(this.at))
    if (found === null) return null
    this.at += found[0].length
    const min = Number(found[1])
    if (found[2] === undefined) return { min, max: min }
    return { min, max: found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3]) }
  }

  /** Lazy and stacked quantifiers are left to RE2JS. */
  private atQuantifier(): boolean {
    return !this.done && '*+?{'.includes(this.text[this.at]!)
  }

  private take(c: string): boolean {
    if (this.text[this.at] !== c) return false
    this.at++
    return true
  }
}

function onlyCharacter(set: bigint): number | null {
  if (set === 0n || (set & (set - 1n)) !== 0n) return null
  return set.toString(2).length - 1
}

export function parsePattern(pattern: string): ParsedPattern | null {
  if (!PLAIN.test(pattern)) return null
  const anchoredStart = pattern.startsWith('^')
  // An escaped dollar is a character; an even run of backslashes before it escapes only itself.
  const anchoredEnd = /(?:^|[^\\])(?:\\\\)*\$$/.test(pattern)
  const parser = new Parser(pattern.slice(anchoredStart ? 1 : 0, anchoredEnd ? -1 : undefined))
  const root = parser.choice(0)
  if (root === null || !parser.done) return null
  // An anchor beside a top-level alternative belongs to one branch only.
  if (root.kind === 'choice' && (anchoredStart || anchoredEnd)) return null
  return { root, anchoredStart, anchoredEnd }
}
