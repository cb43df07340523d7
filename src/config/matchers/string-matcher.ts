// type.matcher.v3.StringMatcher over wire text (latin1 strings, one character per byte).
import type { ListStringMatcherJson, StringMatcherJson } from '#api/envoy/type/matcher/v3/string_pb.ts'
import { toWireText } from '../../base/index.ts'
import type { CompileContext } from '../compile-context.ts'
import type { ConfigPath } from '../config-path.ts'
import { declareSupport } from '../support.ts'
import { compileRegexMatcher } from './regex-matcher.ts'

declareSupport('envoy.type.matcher.v3.StringMatcher', {
  supported: ['exact', 'prefix', 'suffix', 'safe_regex', 'contains', 'ignore_case'],
  refused: { custom: 'extension string matchers are not available; use exact, prefix, suffix, contains or safe_regex' },
})
declareSupport('envoy.type.matcher.v3.ListStringMatcher', { supported: ['patterns'] })

export type StringPredicate = (value: string) => boolean

const UPPER = /[A-Z]+/g

/** ASCII only, as Envoy's ignore_case: bytes above 0x7f stay as they are. */
export function asciiLowerCase(text: string): string {
  return text.replace(UPPER, run => run.toLowerCase())
}

/** Never matches; a diagnostic was given already, so the plan is not used. */
const NEVER: StringPredicate = () => false

export function compileStringMatcher(
  matcher: StringMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): StringPredicate {
  if (matcher.safeRegex !== undefined) {
    if (matcher.ignoreCase) {
      context.diagnostics.error(path.field('ignore_case'), 'ignore_case has no effect on safe_regex', {
        expected: 'the flag (?i) at the start of the pattern',
      })
    }
    const regex = compileRegexMatcher(matcher.safeRegex, context, path.field('safe_regex'))
    return regex === undefined ? NEVER : value => regex.matches(value)
  }
  const fold = matcher.ignoreCase === true
  const wire = (text: string): string => (fold ? asciiLowerCase(toWireText(text)) : toWireText(text))
  const predicate = plainPredicate(matcher, wire)
  if (predicate === undefined) return NEVER
  return fold ? value => predicate(asciiLowerCase(value)) : predicate
}

function plainPredicate(matcher: StringMatcherJson, wire: (text: string) => string): StringPredicate | undefined {
  if (matcher.exact !== undefined) {
    const exact = wire(matcher.exact)
    return value => value === exact
  }
  if (matcher.prefix !== undefined) {
    const prefix = wire(matcher.prefix)
    return value => value.startsWith(prefix)
  }
  if (matcher.suffix !== undefined) {
    const suffix = wire(matcher.suffix)
    return value => value.endsWith(suffix)
  }
  if (matcher.contains !== undefined) {
    const part = wire(matcher.contains)
    return value => value.includes(part)
  }
  return undefined
}

/** True when any pattern matches. */
export function compileListStringMatcher(
  list: ListStringMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): StringPredicate {
  const at = path.field('patterns')
  const predicates = (list.patterns ?? []).map((pattern, i) => compileStringMatcher(pattern, context, at.index(i)))
  return value => predicates.some(matches => matches(value))
}
