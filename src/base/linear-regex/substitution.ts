// The right-hand side of a regex rewrite: text with \0 to \9 for captured groups and \\ for a backslash (RE2's syntax).
import { toWireText } from '../wire-text.ts'
import type { RegexError } from './linear-regex.ts'

export interface Substitution {
  /** Highest group referred to; 0 for the whole match or none. */
  readonly highestGroup: number
  expand(groups: readonly (string | undefined)[]): string
}

class CompiledSubstitution implements Substitution {
  readonly highestGroup: number
  private readonly parts: readonly (string | number)[]

  constructor(parts: readonly (string | number)[]) {
    this.parts = parts
    this.highestGroup = parts.reduce<number>(
      (high, part) => (typeof part === 'number' ? Math.max(high, part) : high),
      0,
    )
  }

  expand(groups: readonly (string | undefined)[]): string {
    let out = ''
    for (const part of this.parts) out += typeof part === 'number' ? (groups[part] ?? '') : part
    return out
  }
}

/** Parses a substitution for a pattern with `groupCount` groups. */
export function compileSubstitution(text: string, groupCount: number): Substitution | RegexError {
  const parts: (string | number)[] = []
  let literal = ''
  text = toWireText(text)
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') {
      literal += text[i]
      continue
    }
    const next = text[++i]
    if (next === '\\') literal += next
    else if (next !== undefined && next >= '0' && next <= '9') {
      if (literal !== '') parts.push(literal)
      literal = ''
      parts.push(Number(next))
    } else return { error: 'a backslash must be followed by a digit or another backslash' }
  }
  if (literal !== '') parts.push(literal)
  const substitution = new CompiledSubstitution(parts)
  if (substitution.highestGroup <= groupCount) return substitution
  return { error: `refers to group ${substitution.highestGroup}, but the pattern has ${groupCount}` }
}
