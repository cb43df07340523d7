// CEL, Google's expression language, as far as Envoy lets configurations use it.
export * from './compile.ts'
export { type CelExpr, call, NO_COMPREHENSION, NO_MESSAGES } from './expr.ts'
export { parseCel } from './parser.ts'
export { celJson, celText } from './text.ts'
export type { CelSyntaxError } from './tokens.ts'
export * from './values.ts'
