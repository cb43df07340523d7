// Router.strict_check_headers: a control header that says nothing sensible is the client's mistake, not to be passed over.
import type { HeaderMap, HeaderName } from '../http/index.ts'
import * as http from '../http/index.ts'
import { CONDITIONS, GRPC_CONDITIONS } from './retry-state.ts'
import { isMilliseconds } from './timeouts.ts'

/** The first of `names` whose value is not well-formed. */
export function malformedHeader(names: readonly HeaderName[], headers: HeaderMap): HeaderName | undefined {
  return names.find(name => {
    const value = headers.get(name)
    return value !== undefined && !isWellFormed(name, value)
  })
}

function isWellFormed(name: HeaderName, value: string): boolean {
  if (name === http.X_ENVOY_RETRY_ON) return allKnown(value, CONDITIONS)
  if (name === http.X_ENVOY_RETRY_GRPC_ON) return allKnown(value, GRPC_CONDITIONS)
  return isMilliseconds(value)
}

function allKnown(value: string, conditions: Readonly<Record<string, number>>): boolean {
  return value.split(',').every(word => Object.hasOwn(conditions, word.trim()))
}
