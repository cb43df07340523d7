import type { RateLimitDescriptor } from '../../../http/index.ts'

/** Entries of a configured descriptor; null stands for any value. */
export interface Pattern {
  readonly keys: readonly string[]
  readonly values: readonly (string | null)[]
}

/** Whether the request's descriptor has the pattern's keys, in order, and its values. */
export function matchesPattern({ keys, values }: Pattern, { entries }: RateLimitDescriptor): boolean {
  if (entries.length !== keys.length) return false
  for (let i = 0; i < keys.length; i++) {
    const { key, value } = entries[i]!
    if (key !== keys[i] || (values[i] !== null && value !== values[i])) return false
  }
  return true
}

/** The values that stand for the pattern's wildcards; NUL cannot be part of a value. */
export function wildcardValues({ values }: Pattern, { entries }: RateLimitDescriptor): string {
  let text = ''
  for (let i = 0; i < values.length; i++) if (values[i] === null) text += `${entries[i]!.value}\0`
  return text
}
