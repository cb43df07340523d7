import { ResourceChecker } from '../check/resource-checker.ts'
import { Diagnostics } from '../diagnostics.ts'
import { schemaTable } from '../schema/table.ts'
import '../support/index.ts'
import { decodeBinary } from './binary.ts'
import { ConfigSources } from './config-sources.ts'
import type { LoadOptions, LoadResult } from './load-bootstrap.ts'

/**
 * Checks one message of any type, as JSON values or as protobuf bytes, by the same rules as a bootstrap. Diagnostics carry
 * paths within the message.
 */
export function loadResource(
  typeName: string,
  payload: { readonly json: unknown } | { readonly binary: Uint8Array },
  options: LoadOptions = {},
): LoadResult<object> {
  const diagnostics = new Diagnostics()
  const table = schemaTable()
  const sources = new ConfigSources([])
  if (table.message(typeName) === undefined) {
    diagnostics.add('error', '', `no message type ${typeName} in the Envoy API`, { code: 'any' })
    return { diagnostics, notes: [], sources }
  }
  const value =
    'json' in payload
      ? payload.json
      : decodeBinary(
          typeName,
          payload.binary,
          typeName,
          diagnostics,
          options.allowUnknownStaticFields === true ? 'warning' : 'error',
        )
  const checker = new ResourceChecker(table, diagnostics, {
    allowUnknownFields: options.allowUnknownStaticFields === true,
    checkSupport: options.checkSupport !== false,
  })
  const resource = value === undefined ? undefined : checker.check(typeName, value)
  const outcome = { diagnostics, notes: checker.notes, sources }
  return diagnostics.failed || resource === undefined ? outcome : { ...outcome, resource }
}
