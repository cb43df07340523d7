// type.matcher.v3.RegexMatcher and RegexMatchAndSubstitute: RE2 syntax, linear time.
import type { RegexMatchAndSubstituteJson, RegexMatcherJson } from '#api/envoy/type/matcher/v3/regex_pb.ts'
import { compileLinearRegex, compileSubstitution, type LinearRegex } from '../../base/index.ts'
import type { CompileContext } from '../compile-context.ts'
import type { ConfigPath } from '../config-path.ts'
import { declareSupport } from '../support.ts'

declareSupport('envoy.type.matcher.v3.RegexMatcher', { supported: ['regex', 'google_re2'] })
declareSupport('envoy.type.matcher.v3.RegexMatcher.GoogleRE2', {
  supported: [],
  accepted: { max_program_size: 'patterns run in linear time whatever their size; Envoy ignores this field as well' },
})
declareSupport('envoy.type.matcher.v3.RegexMatchAndSubstitute', { supported: ['pattern', 'substitution'] })

/** Undefined after a diagnostic. */
export function compileRegexMatcher(
  matcher: RegexMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): LinearRegex | undefined {
  const pattern = matcher.regex ?? ''
  const regex = compileLinearRegex(pattern)
  if (!('error' in regex)) return regex
  context.diagnostics.error(path.field('regex'), `not a valid RE2 pattern: ${regex.error}`, {
    expected: 'RE2 syntax (no look-around, no back-references)',
    found: pattern,
    code: 'bad-regex',
  })
  return undefined
}

/** Rewrites a wire text; returns it unchanged when nothing matches. */
export type RegexRewrite = (text: string) => string

export function compileRegexRewrite(
  rewrite: RegexMatchAndSubstituteJson,
  context: CompileContext,
  path: ConfigPath,
): RegexRewrite | undefined {
  const regex = compileRegexMatcher(rewrite.pattern ?? {}, context, path.field('pattern'))
  if (regex === undefined) return undefined
  const text = rewrite.substitution ?? ''
  const substitution = compileSubstitution(text, regex.groupCount)
  if ('error' in substitution) {
    context.diagnostics.error(path.field('substitution'), `not a valid substitution: ${substitution.error}`, {
      expected: 'text with \\0 to \\9 for captured groups and \\\\ for a backslash',
      found: text,
      code: 'bad-substitution',
    })
    return undefined
  }
  return value => regex.replaceAll(value, substitution)
}
