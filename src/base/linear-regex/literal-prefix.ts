// What every text that a pattern matches must begin with: lets an index skip patterns without running them.

const PLAIN = /^[a-zA-Z0-9/_~%&@=:;,!<>"'# -]$/
const PUNCTUATION = /^[!-/:-@[-`{-~]$/

/** The longest prefix that is easy to see, '' when there is none. */
export function literalPrefix(pattern: string): string {
  if (hasTopLevelChoice(pattern)) return ''
  let prefix = ''
  let at = pattern.startsWith('^') ? 1 : 0
  for (;;) {
    const escaped = pattern[at] === '\\'
    const c = pattern[escaped ? at + 1 : at]
    if (c === undefined || !(escaped ? PUNCTUATION : PLAIN).test(c)) return prefix
    at += escaped ? 2 : 1
    // A quantifier makes its character optional or variable.
    if ('*+?{'.includes(pattern[at] ?? ' ')) return prefix
    prefix += c
  }
}

/** An alternative outside all groups: the pattern then has more than one beginning. */
function hasTopLevelChoice(pattern: string): boolean {
  let depth = 0
  let inClass = false
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]
    // \Q quotes up to \E, brackets and bars included: not worth following.
    if (c === '\\' && pattern[i + 1] === 'Q') return true
    if (c === '\\') i++
    else if (inClass) inClass = c !== ']'
    else if (c === '[') {
      inClass = true
      if (pattern[i + 1] === '^') i++
      // A bracket that comes first is a member of the class.
      if (pattern[i + 1] === ']') i++
    } else if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === '|' && depth === 0) return true
  }
  return false
}
