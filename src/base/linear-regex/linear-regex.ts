// User-written patterns: RE2 syntax, and time linear in the text whatever the pattern.
//
// RE2JS accepts or rejects the pattern and can always run it, at 0.2 to 2 us. V8's own engine is ten times as fast but
// backtracks; it runs only patterns that unambiguous.ts proves unable to. (bench: route-table)
//
// Texts are bytes, one character each, and so are patterns: '.' is one byte, and 'é' the two bytes of its UTF-8 form, as
// in Envoy, which runs RE2 on Latin-1.
import type { RE2JS } from 're2js'
import { toWireText } from '../wire-text.ts'
import { literalPrefix } from './literal-prefix.ts'
import { re2 } from './re2.ts'
import type { Substitution } from './substitution.ts'
import { translateUnambiguous } from './unambiguous.ts'

/** A compiled pattern. Texts are wire texts: latin1 strings, one character per byte. */
export interface LinearRegex {
  readonly pattern: string
  readonly groupCount: number
  /** Every text that matches as a whole begins with this; '' when nothing is known. */
  readonly literalPrefix: string
  /** True when the whole of `text` matches, as Envoy's safe_regex asks. */
  matches(text: string): boolean
  /** Every match, left to right, replaced (RE2's GlobalReplace). */
  replaceAll(text: string, substitution: Substitution): string
}

export interface RegexError {
  readonly error: string
}

class CompiledRegex implements LinearRegex {
  readonly pattern: string
  readonly groupCount: number
  readonly literalPrefix: string
  private readonly re2: RE2JS
  private readonly whole: RegExp | null
  private readonly search: RegExp | null

  constructor(pattern: string, re2: RE2JS) {
    this.pattern = pattern
    this.re2 = re2
    this.groupCount = re2.groupCount()
    this.literalPrefix = literalPrefix(pattern)
    const translated = translateUnambiguous(pattern)
    this.whole = translated === null ? null : new RegExp(`^(?:${translated.source})$`)
    this.search = translated?.searchable ? new RegExp(translated.anchoredSource, 'g') : null
  }

  matches(text: string): boolean {
    return this.whole !== null ? this.whole.test(text) : this.re2.testExact(text)
  }

  replaceAll(text: string, substitution: Substitution): string {
    const next = this.search !== null ? this.searchWithV8(this.search, text) : this.searchWithRe2(text)
    return globalReplace(text, next, substitution)
  }

  private searchWithV8(search: RegExp, text: string): Search {
    return from => {
      search.lastIndex = from
      const found = search.exec(text)
      return found === null ? null : { start: found.index, groups: found }
    }
  }

  private searchWithRe2(text: string): Search {
    const matcher = this.re2.matcher(text)
    return from => {
      if (!matcher.find(from)) return null
      const groups: (string | undefined)[] = []
      for (let i = 0; i <= this.groupCount; i++) groups.push(matcher.group(i) ?? undefined)
      return { start: matcher.start(0), groups }
    }
  }
}

type Search = (from: number) => { start: number; groups: readonly (string | undefined)[] } | null

/** RE2's rules: an empty match right behind the previous match does not count. */
function globalReplace(text: string, next: Search, substitution: Substitution): string {
  let out = ''
  let at = 0
  let lastEnd = -1
  while (at <= text.length) {
    const found = next(at)
    if (found === null) break
    const whole = found.groups[0] ?? ''
    out += text.slice(at, found.start)
    if (whole === '' && found.start === lastEnd) {
      out += text.slice(found.start, found.start + 1)
      at = found.start + 1
      continue
    }
    out += substitution.expand(found.groups)
    at = lastEnd = found.start + whole.length
  }
  return out + text.slice(at)
}

/** Compiles RE2 syntax; what RE2 rejects is answered with its own words. */
export function compileLinearRegex(text: string): LinearRegex | RegexError {
  const pattern = toWireText(text)
  try {
    return new CompiledRegex(pattern, re2().RE2JS.compile(pattern))
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}
