// opentelemetry.proto.common.v1.AnyValue of a configuration, whose texts are formats.
import type { AnyValueJson, KeyValueListJson } from '#api/opentelemetry/proto/common/v1/common_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { celSettings } from '../../../net/index.ts'
import { compileFormat, type FormatContext } from '../../../observability/index.ts'

/** In the form that message codecs take. */
export type ValueField = (context: FormatContext) => object

export interface KeyValueMessage {
  readonly key: string
  readonly value: object
}

const text = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')
export const stringValue = (value: string): object => ({ value: { case: 'stringValue', value } })

export function compileAnyValue(json: AnyValueJson, context: CompileContext, path: ConfigPath): ValueField {
  if (json.arrayValue !== undefined) {
    const at = path.field('array_value').field('values')
    const fields = (json.arrayValue.values ?? []).map((value, i) => compileAnyValue(value, context, at.index(i)))
    return entry => ({ value: { case: 'arrayValue', value: { values: fields.map(field => field(entry)) } } })
  }
  if (json.kvlistValue !== undefined) {
    const pairs = compileKeyValues(json.kvlistValue, context, path.field('kvlist_value'))
    return entry => ({ value: { case: 'kvlistValue', value: { values: pairs(entry) } } })
  }
  if (json.stringValue === undefined) {
    context.diagnostics.error(path, 'only texts, lists and maps of texts are formatted', {
      expected: 'string_value, array_value or kvlist_value',
    })
    return () => stringValue('')
  }
  const formatter = compileFormat(json.stringValue, { cel: celSettings(undefined, context) })
  if ('error' in formatter) {
    context.diagnostics.error(path.field('string_value'), formatter.error, {
      found: json.stringValue,
      code: 'bad-format',
    })
    return () => stringValue('')
  }
  return entry => stringValue(text(formatter.format(entry)))
}

export function compileKeyValues(
  json: KeyValueListJson,
  context: CompileContext,
  path: ConfigPath,
): (entry: FormatContext) => readonly KeyValueMessage[] {
  const at = path.field('values')
  const pairs = (json.values ?? []).map(({ key = '', value = {} }, i) => ({
    key,
    field: compileAnyValue(value, context, at.index(i).field('value')),
  }))
  return entry => pairs.map(({ key, field }) => ({ key, value: field(entry) }))
}

/** The same without formats: a text is what it is. */
export function constantPairs(json: KeyValueListJson): readonly KeyValueMessage[] {
  return (json.values ?? []).map(({ key = '', value = {} }) => ({ key, value: constantValue(value) }))
}

function constantValue(json: AnyValueJson): object {
  if (json.stringValue !== undefined) return stringValue(json.stringValue)
  if (json.boolValue !== undefined) return { value: { case: 'boolValue', value: json.boolValue } }
  if (json.intValue !== undefined) return { value: { case: 'intValue', value: BigInt(json.intValue) } }
  if (json.doubleValue !== undefined) return { value: { case: 'doubleValue', value: Number(json.doubleValue) } }
  if (json.bytesValue !== undefined) {
    return { value: { case: 'bytesValue', value: Buffer.from(json.bytesValue, 'base64') } }
  }
  if (json.arrayValue !== undefined) {
    const values = (json.arrayValue.values ?? []).map(constantValue)
    return { value: { case: 'arrayValue', value: { values } } }
  }
  if (json.kvlistValue === undefined) return {}
  return { value: { case: 'kvlistValue', value: { values: constantPairs(json.kvlistValue) } } }
}
