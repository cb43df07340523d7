// The tree that a CEL expression is parsed to. Operators are calls, by the names that CEL's own trees give them.
import type { CelValue } from './values.ts'

export type CelExpr =
  | { readonly kind: 'constant'; readonly value: CelValue }
  | { readonly kind: 'identifier'; readonly name: string }
  | { readonly kind: 'select'; readonly operand: CelExpr; readonly field: string; readonly test: boolean }
  | CelCall
  | { readonly kind: 'list'; readonly elements: readonly CelExpr[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [key: CelExpr, value: CelExpr])[] }
  | { readonly kind: 'refused'; readonly why: string }

export interface CelCall {
  readonly kind: 'call'
  readonly name: string
  /** Null: not called upon a value. */
  readonly target: CelExpr | null
  readonly args: readonly CelExpr[]
}

export const call = (name: string, ...args: readonly CelExpr[]): CelCall => ({ kind: 'call', name, target: null, args })

export const NO_COMPREHENSION = 'comprehensions (all, exists, exists_one, map, filter) are disabled, as in Envoy'
export const NO_MESSAGES = 'messages cannot be made in expressions'
