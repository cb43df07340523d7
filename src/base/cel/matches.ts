// text.matches(pattern): RE2, anywhere in the text.
import type { RE2JS } from 're2js'
import { re2 } from '../linear-regex/re2.ts'
import { noOverload } from './operators.ts'
import { CelError, type CelResult, type CelValue } from './values.ts'

/**
 * Instructions of a pattern. Time is linear in the text, and in this. Envoy's limit is 100 by its own count, which is a
 * little higher.
 */
const LARGEST_PROGRAM = 100
/** Patterns that come with requests have to be compiled for each. */
const LONGEST_FOREIGN_PATTERN = 64
const NOT_ASCII = /[^\x00-\x7f]/

const unicode = (text: string): string => (NOT_ASCII.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text)

function compile(pattern: string): RE2JS | { readonly error: string } {
  try {
    const regex = re2().RE2JS.compile(unicode(pattern))
    return regex.programSize() > LARGEST_PROGRAM ? { error: 'the pattern is too large' } : regex
  } catch (error) {
    return { error: `not a valid RE2 pattern: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** `constant`: what the pattern always is; undefined where it comes with requests. */
export function compileMatches(
  constant: CelValue | undefined,
): { matches(text: CelValue, pattern: CelValue): CelResult } | { readonly error: string } {
  if (typeof constant === 'string') {
    const regex = compile(constant)
    if ('error' in regex) return regex
    return { matches: text => (typeof text === 'string' ? regex.test(unicode(text)) : noOverload('matches', text)) }
  }
  return {
    matches(text, pattern) {
      if (typeof text !== 'string' || typeof pattern !== 'string') return noOverload('matches', text, pattern)
      if (pattern.length > LONGEST_FOREIGN_PATTERN) return new CelError('the pattern is too long')
      const regex = compile(pattern)
      return 'error' in regex ? new CelError(regex.error) : regex.test(unicode(text))
    },
  }
}
