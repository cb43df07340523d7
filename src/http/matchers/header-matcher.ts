// route.v3.HeaderMatcher. Of several lines with the name, one that matches is enough; they are not joined.
import type { HeaderMatcherJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { StringMatcherJson } from '#api/envoy/type/matcher/v3/string_pb.ts'
import { toWireText } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  int64,
  type StringPredicate,
} from '../../config/index.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import type { HeaderPredicate } from '../route.ts'

declareSupport('envoy.config.route.v3.HeaderMatcher', {
  supported: [
    'name',
    'exact_match',
    'safe_regex_match',
    'range_match',
    'present_match',
    'prefix_match',
    'suffix_match',
    'contains_match',
    'string_match',
    'invert_match',
    'treat_missing_header_as_empty',
  ],
})
declareSupport('envoy.type.v3.Int64Range', { supported: ['start', 'end'] })

const INTEGER = /^[ \t]*[+-]?[0-9]+[ \t]*$/

/** A compiled HeaderMatcher. `exact` is set when it asks for one value and nothing else: route tables index by it. */
export interface HeaderMatch extends HeaderPredicate {
  /** Null for pseudo headers. */
  readonly header: HeaderName | null
  readonly exact: string | null
}

/** Where the value of a header stands: a line, or a part of the request line. */
class Selector {
  readonly header: HeaderName | null
  private readonly text: string

  constructor(name: string) {
    // Envoy keeps the Host line as :authority and finds it under both names.
    const text = name.toLowerCase() === ':authority' ? 'host' : name.toLowerCase()
    this.text = text
    this.header = text.startsWith(':') ? null : HeaderName.of(text)
  }

  has(headers: HeaderMap): boolean {
    return this.header === null ? headers.lookup(this.text) !== undefined : headers.has(this.header)
  }

  /** 1: a value matches, 0: none does, -1: the header is missing. */
  test(headers: HeaderMap, predicate: StringPredicate): 1 | 0 | -1 {
    const { header } = this
    if (header === null) {
      const value = headers.lookup(this.text)
      if (value === undefined) return -1
      return predicate(value) ? 1 : 0
    }
    let index = headers.find(header, 0)
    if (index < 0) return -1
    for (; index >= 0; index = headers.find(header, index + 1)) if (predicate(headers.valueAt(index))) return 1
    return 0
  }
}

class PresentMatch implements HeaderMatch {
  readonly header: HeaderName | null
  readonly exact = null
  private readonly selector: Selector
  private readonly wanted: boolean
  private readonly missingIsEmpty: boolean

  constructor(selector: Selector, wanted: boolean, missingIsEmpty: boolean) {
    this.header = selector.header
    this.selector = selector
    this.wanted = wanted
    this.missingIsEmpty = missingIsEmpty
  }

  matches(headers: HeaderMap): boolean {
    return (this.missingIsEmpty || this.selector.has(headers)) === this.wanted
  }
}

class ValueMatch implements HeaderMatch {
  readonly header: HeaderName | null
  readonly exact: string | null
  private readonly selector: Selector
  private readonly predicate: StringPredicate
  private readonly inverted: boolean
  /** What a missing header answers. Inverting does not turn "missing" into a match. */
  private readonly whenMissing: boolean

  constructor(selector: Selector, predicate: StringPredicate, matcher: HeaderMatcherJson, exact: string | null) {
    this.header = selector.header
    this.selector = selector
    this.predicate = predicate
    this.inverted = matcher.invertMatch === true
    const missingIsEmpty = matcher.treatMissingHeaderAsEmpty === true
    this.whenMissing = missingIsEmpty && predicate('') !== this.inverted
    this.exact = this.inverted || missingIsEmpty ? null : exact
  }

  matches(headers: HeaderMap): boolean {
    const found = this.selector.test(headers, this.predicate)
    return found < 0 ? this.whenMissing : (found === 1) !== this.inverted
  }
}

export function compileHeaderMatcher(
  matcher: HeaderMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): HeaderMatch {
  const selector = new Selector(matcher.name ?? '')
  const range = matcher.rangeMatch
  if (range !== undefined) {
    const start = int64(range.start ?? 0)
    const end = int64(range.end ?? 0)
    const inRange = (value: string): boolean => {
      if (!INTEGER.test(value)) return false
      const number = Number(value)
      return number >= start && number < end
    }
    return new ValueMatch(selector, inRange, matcher, null)
  }
  const [text, at] = stringMatcherOf(matcher, path)
  if (text === null) {
    const wanted = (matcher.presentMatch ?? true) !== (matcher.invertMatch === true)
    return new PresentMatch(selector, wanted, matcher.treatMissingHeaderAsEmpty === true)
  }
  const exact = text.exact !== undefined && !text.ignoreCase ? toWireText(text.exact) : null
  return new ValueMatch(selector, compileStringMatcher(text, context, at), matcher, exact)
}

/** The deprecated fields are StringMatchers by other names. */
function stringMatcherOf(matcher: HeaderMatcherJson, path: ConfigPath): [StringMatcherJson | null, ConfigPath] {
  if (matcher.stringMatch !== undefined) return [matcher.stringMatch, path.field('string_match')]
  if (matcher.exactMatch !== undefined) return [{ exact: matcher.exactMatch }, path]
  if (matcher.prefixMatch !== undefined) return [{ prefix: matcher.prefixMatch }, path]
  if (matcher.suffixMatch !== undefined) return [{ suffix: matcher.suffixMatch }, path]
  if (matcher.containsMatch !== undefined) return [{ contains: matcher.containsMatch }, path]
  if (matcher.safeRegexMatch !== undefined) return [{ safeRegex: matcher.safeRegexMatch }, path]
  return [null, path]
}

/** All must match. */
export function compileHeaderMatchers(
  matchers: readonly HeaderMatcherJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly HeaderMatch[] {
  return (matchers ?? []).map((matcher, i) => compileHeaderMatcher(matcher, context, path.index(i)))
}
