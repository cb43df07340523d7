import { re2 } from '../base/index.ts'

export interface RegexFailure {
  /** RE2's words, such as 'missing ]: ['. */
  readonly reason: string
}

/** The library's names of mistakes, where RE2 itself uses others. */
const RE2_WORDS: Readonly<Record<string, string>> = {
  'missing closing ]': 'missing ]',
  'missing closing )': 'missing )',
  'missing argument to repetition operator': 'no argument for repetition operator',
  'invalid repeat count': 'invalid repetition size',
  'invalid named capture': 'invalid named capture group',
}

const LITERAL = /^[\w /:-]+$/

/**
 * An RE2 expression as a predicate over names; `whole` demands that all of the name matches. Linear in the name whatever
 * the expression, as an admin client must not be able to stall the main thread with one.
 */
export function compileNameFilter(expression: string, whole = false): ((name: string) => boolean) | RegexFailure {
  if (!whole && LITERAL.test(expression)) return name => name.includes(expression)
  const { RE2JS, RE2JSSyntaxException } = re2()
  try {
    const regex = RE2JS.compile(expression)
    return whole ? name => regex.matches(name) : name => regex.test(name)
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error
    const pattern = error.getPattern()
    const words = RE2_WORDS[error.getDescription()] ?? error.getDescription()
    return { reason: pattern === null || pattern === '' ? words : `${words}: ${pattern}` }
  }
}
