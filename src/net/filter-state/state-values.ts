// Values that filters called set_filter_state note: envoy.extensions.filters.common.set_filter_state.v3.
import type { FilterStateValueJson } from '#api/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import type { FormatContext, Formatter } from '../../observability/index.ts'
import { compileSubstitutionFormat } from '../substitution-format.ts'
import { type MakeObject, objectFactory } from './object-factories.ts'

const NOT_SHARED = 'connections to upstreams carry no filter state in this release'
declareSupport('envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue', {
  supported: ['object_key', 'factory_key', 'format_string', 'read_only', 'shared_with_upstream', 'skip_if_empty'],
  values: { shared_with_upstream: { ONCE: NOT_SHARED, TRANSITIVE: NOT_SHARED } },
})

export interface StateValue {
  readonly key: string
  readonly formatter: Formatter
  readonly make: MakeObject
  /** What stands under the key then stays. */
  readonly readOnly: boolean
  readonly skipIfEmpty: boolean
}

/** `connection`: for those who act on connections. Values that a diagnostic was reported for are left out. */
export function compileStateValues(
  values: readonly FilterStateValueJson[] | undefined,
  connection: boolean,
  context: CompileContext,
  path: ConfigPath,
): readonly StateValue[] {
  return (values ?? []).flatMap((value, i) => compileValue(value, connection, context, path.index(i)) ?? [])
}

function compileValue(
  json: FilterStateValueJson,
  connection: boolean,
  context: CompileContext,
  path: ConfigPath,
): StateValue | undefined {
  const { objectKey = '', factoryKey = '', formatString = {} } = json
  const field = factoryKey === '' ? 'object_key' : 'factory_key'
  const make = objectFactory(factoryKey === '' ? objectKey : factoryKey, connection, context, path.field(field))
  const formatter = compileSubstitutionFormat(formatString, context, path.field('format_string'))
  if (make === undefined || formatter === undefined) return undefined
  return { key: objectKey, formatter, make, readOnly: json.readOnly === true, skipIfEmpty: json.skipIfEmpty === true }
}

/** Notes values for one request or connection. */
export class StateWriter {
  private fixed: Set<string> | null = null

  write(values: readonly StateValue[], context: FormatContext): void {
    const { info } = context
    for (let i = 0; i < values.length; i++) {
      const { key, formatter, make, readOnly, skipIfEmpty } = values[i] as StateValue
      if (this.fixed?.has(key) === true) continue
      const text = formatter.format(context)
      if (text === '' && skipIfEmpty) continue
      const object = make(text)
      if (object === null) continue
      info.filterState ??= new Map()
      info.filterState.set(key, object)
      if (readOnly) (this.fixed ??= new Set()).add(key)
    }
  }
}
