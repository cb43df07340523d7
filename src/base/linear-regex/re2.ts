import { createRequire } from 'node:module'

let loaded: typeof import('re2js') | undefined

/** The engine for RE2's syntax: 270 kB of code that only configurations with patterns pay for. */
export function re2(): typeof import('re2js') {
  loaded ??= createRequire(import.meta.url)('re2js') as typeof import('re2js')
  return loaded
}
