// Lua's patterns (string.find and the like) with a limit to their steps. The C library's own matcher tries everything, and
// "a?a?a?...aaa" takes it for ever without one instruction for the hook to count. Texts are latin1.

const CODE = (char: string): number => char.charCodeAt(0)
const ESCAPE = CODE('%')
const MAX_CAPTURES = 32
const UNFINISHED = -1
const POSITION = -2

/** Why a pattern cannot be used or matched. */
export class PatternError extends Error {}

const isLower = (c: number): boolean => c >= 97 && c <= 122
const isUpper = (c: number): boolean => c >= 65 && c <= 90
const isDigit = (c: number): boolean => c >= 48 && c <= 57
const isAlpha = (c: number): boolean => isLower(c) || isUpper(c)
const isPrint = (c: number): boolean => c > 32 && c < 127

const CLASSES: Readonly<Record<string, (c: number) => boolean>> = {
  a: isAlpha,
  c: c => c < 32 || c === 127,
  d: isDigit,
  g: isPrint,
  l: isLower,
  p: c => isPrint(c) && !isAlpha(c) && !isDigit(c),
  s: c => c === 32 || (c >= 9 && c <= 13),
  u: isUpper,
  w: c => isAlpha(c) || isDigit(c),
  x: c => isDigit(c) || (c >= 97 && c <= 102) || (c >= 65 && c <= 70),
  z: c => c === 0,
}

/** `letter` is what stands behind a %. */
function isInClass(c: number, letter: number): boolean {
  const test = CLASSES[String.fromCharCode(letter | 32)]
  if (test === undefined || !isAlpha(letter)) return c === letter
  return test(c) === isLower(letter)
}

export class PatternMatcher {
  private readonly subject: string
  private readonly pattern: string
  private stepsLeft: number
  private level = 0
  private readonly starts: number[] = []
  private readonly lengths: number[] = []

  constructor(subject: string, pattern: string, maxSteps: number) {
    this.subject = subject
    this.pattern = pattern
    this.stepsLeft = maxSteps
  }

  /** End of the match of the pattern from its position `p` on that begins at `at`, or -1. */
  matchAt(at: number, p: number): number {
    this.level = 0
    return this.match(at, p)
  }

  /** Of the last match. */
  get hasCaptures(): boolean {
    return this.level > 0
  }

  /** What was captured: texts, or positions from 1 on; of a pattern without captures, the match [start, end). */
  captures(start: number, end: number): readonly (string | number)[] {
    if (this.level === 0) return [this.subject.slice(start, end)]
    return Array.from({ length: this.level }, (_, i) => {
      const from = this.starts[i]!
      const length = this.lengths[i]!
      if (length === UNFINISHED) throw new PatternError('unfinished capture')
      return length === POSITION ? from + 1 : this.subject.slice(from, from + length)
    })
  }

  private match(at: number, p: number): number {
    const { pattern, subject } = this
    for (;;) {
      if (--this.stepsLeft < 0) throw new PatternError('pattern takes too many steps')
      if (p >= pattern.length) return at
      const char = pattern[p]
      if (char === '(') return this.startCapture(at, p)
      if (char === ')') return this.endCapture(at, p + 1)
      if (char === '$' && p + 1 === pattern.length) return at === subject.length ? at : -1
      if (char === '%') {
        const next = pattern[p + 1]
        if (next === 'b' || next === 'f' || isDigit(pattern.charCodeAt(p + 1))) {
          at = this.matchSpecial(at, p, next as string)
          if (at < 0) return -1
          p = this.afterSpecial(p, next as string)
          continue
        }
      }
      const end = this.classEnd(p)
      const suffix = pattern[end]
      if (suffix === '?') {
        if (this.matchesOne(at, p, end)) {
          const rest = this.match(at + 1, end + 1)
          if (rest >= 0) return rest
        }
        p = end + 1
      } else if (suffix === '*') return this.expand(at, p, end, 0)
      else if (suffix === '+') return this.expand(at, p, end, 1)
      else if (suffix === '-') return this.expandLazily(at, p, end)
      else if (!this.matchesOne(at, p, end)) return -1
      else {
        at++
        p = end
      }
    }
  }

  private startCapture(at: number, p: number): number {
    if (this.level >= MAX_CAPTURES) throw new PatternError('too many captures')
    const isPosition = this.pattern[p + 1] === ')'
    this.starts[this.level] = at
    this.lengths[this.level] = isPosition ? POSITION : UNFINISHED
    this.level++
    const end = this.match(at, isPosition ? p + 2 : p + 1)
    if (end < 0) this.level--
    return end
  }

  private endCapture(at: number, p: number): number {
    let open = this.level - 1
    while (open >= 0 && this.lengths[open] !== UNFINISHED) open--
    if (open < 0) throw new PatternError('invalid pattern capture')
    this.lengths[open] = at - this.starts[open]!
    const end = this.match(at, p)
    if (end < 0) this.lengths[open] = UNFINISHED
    return end
  }

  private matchSpecial(at: number, p: number, kind: string): number {
    if (kind === 'b') return this.matchBalance(at, p + 2)
    if (kind === 'f') return this.matchFrontier(at, p + 2)
    return this.matchBack(at, Number(kind) - 1)
  }

  private afterSpecial(p: number, kind: string): number {
    if (kind === 'b') return p + 4
    return kind === 'f' ? this.classEnd(p + 2) : p + 2
  }

  private matchBalance(at: number, p: number): number {
    const { subject, pattern } = this
    if (p + 1 >= pattern.length) throw new PatternError("missing arguments to '%b'")
    if (subject[at] !== pattern[p]) return -1
    let depth = 1
    for (let i = at + 1; i < subject.length; i++) {
      if (--this.stepsLeft < 0) throw new PatternError('pattern takes too many steps')
      if (subject[i] === pattern[p + 1]) {
        if (--depth === 0) return i + 1
      } else if (subject[i] === pattern[p]) depth++
    }
    return -1
  }

  private matchFrontier(at: number, p: number): number {
    if (this.pattern[p] !== '[') throw new PatternError("missing '[' after '%f' in pattern")
    const end = this.classEnd(p)
    const before = at === 0 ? 0 : this.subject.charCodeAt(at - 1)
    const here = at < this.subject.length ? this.subject.charCodeAt(at) : 0
    return !this.inSet(before, p, end - 1) && this.inSet(here, p, end - 1) ? at : -1
  }

  private matchBack(at: number, index: number): number {
    const length = this.lengths[index]
    if (index < 0 || index >= this.level || length === undefined || length === UNFINISHED) {
      throw new PatternError(`invalid capture index %${index + 1}`)
    }
    if (length === POSITION) return -1
    const text = this.subject.slice(this.starts[index], this.starts[index]! + length)
    return this.subject.startsWith(text, at) ? at + text.length : -1
  }

  private expand(at: number, p: number, end: number, least: number): number {
    let count = 0
    while (this.matchesOne(at + count, p, end)) count++
    for (; count >= least; count--) {
      const rest = this.match(at + count, end + 1)
      if (rest >= 0) return rest
    }
    return -1
  }

  private expandLazily(at: number, p: number, end: number): number {
    for (;;) {
      const rest = this.match(at, end + 1)
      if (rest >= 0) return rest
      if (!this.matchesOne(at, p, end)) return -1
      at++
    }
  }

  /** Behind the single-character class that begins at `p`. */
  private classEnd(p: number): number {
    const { pattern } = this
    const char = pattern.charCodeAt(p++)
    if (char === ESCAPE) {
      if (p >= pattern.length) throw new PatternError("malformed pattern (ends with '%')")
      return p + 1
    }
    if (char !== CODE('[')) return p
    if (pattern[p] === '^') p++
    do {
      if (p >= pattern.length) throw new PatternError("malformed pattern (missing ']')")
      if (pattern.charCodeAt(p++) === ESCAPE) p++
    } while (pattern[p] !== ']')
    return p + 1
  }

  private matchesOne(at: number, p: number, end: number): boolean {
    if (at >= this.subject.length) return false
    if (--this.stepsLeft < 0) throw new PatternError('pattern takes too many steps')
    const c = this.subject.charCodeAt(at)
    const { pattern } = this
    switch (pattern[p]) {
      case '.':
        return true
      case '%':
        return isInClass(c, pattern.charCodeAt(p + 1))
      case '[':
        return this.inSet(c, p, end - 1)
      default:
        return pattern.charCodeAt(p) === c
    }
  }

  /** `close` is where the set's bracket closes. */
  private inSet(c: number, p: number, close: number): boolean {
    const { pattern } = this
    const wanted = pattern[p + 1] !== '^'
    for (let i = wanted ? p + 1 : p + 2; i < close; i++) {
      const char = pattern.charCodeAt(i)
      if (char === ESCAPE) {
        i++
        if (isInClass(c, pattern.charCodeAt(i))) return wanted
      } else if (pattern[i + 1] === '-' && i + 2 < close) {
        if (char <= c && c <= pattern.charCodeAt(i + 2)) return wanted
        i += 2
      } else if (char === c) return wanted
    }
    return !wanted
  }
}
