import type { SubstitutionFormatStringJson } from '#api/envoy/config/core/v3/substitution_format_string_pb.ts'
import { type CompileContext, type ConfigPath, dataSourceText, declareSupport, nearestName } from '../config/index.ts'
import {
  compileFormat,
  compileJsonFormat,
  type FormatError,
  type Formatter,
  isFormatError,
  type JsonFormat,
} from '../observability/index.ts'
import { celSettings } from './cel/index.ts'
import { withFormatters } from './formatters.ts'

declareSupport('envoy.config.core.v3.SubstitutionFormatString', {
  supported: ['text_format', 'text_format_source', 'json_format', 'omit_empty_values', 'content_type', 'formatters'],
  accepted: { json_format_options: 'keys of json_format are sorted either way' },
})

declareSupport('envoy.config.core.v3.JsonFormatOptions', { supported: ['sort_properties'] })

/** Compiles core.v3.SubstitutionFormatString; an unknown operator is a diagnostic and the answer undefined. */
export function compileSubstitutionFormat(
  json: SubstitutionFormatStringJson,
  context: CompileContext,
  path: ConfigPath,
): Formatter | undefined {
  const omitEmpty = json.omitEmptyValues ?? false
  const cel = celSettings(undefined, withFormatters(json.formatters, context, path.field('formatters')))
  if (json.jsonFormat !== undefined) {
    const format = json.jsonFormat as { readonly [key: string]: JsonFormat }
    return reported(compileJsonFormat(format, omitEmpty, cel), context, path.field('json_format'))
  }
  const at = path.field(json.textFormatSource === undefined ? 'text_format' : 'text_format_source')
  const text =
    json.textFormatSource === undefined ? json.textFormat : dataSourceText(json.textFormatSource, context, at)
  if (text === undefined) return undefined
  return reported(compileFormat(text, { missing: omitEmpty ? '' : '-', cel }), context, at)
}

/** Compiles one text format, such as the deprecated `format` of an access log. `missing`: what stands for no value. */
export function compileTextFormat(
  text: string,
  context: CompileContext,
  path: ConfigPath,
  missing = '-',
): Formatter | undefined {
  return reported(compileFormat(text, { missing, cel: celSettings(undefined, context) }), context, path)
}

function reported(result: Formatter | FormatError, context: CompileContext, path: ConfigPath): Formatter | undefined {
  if (!isFormatError(result)) return result
  const name = /%([A-Z_0-9]+)/.exec(result.error)?.[1]
  const suggestion = name === undefined ? undefined : nearestName(name, result.known)
  context.diagnostics.error(path, `${result.error} (at character ${result.offset + 1})`, {
    expected: 'operators of the substitution formatter, such as %RESPONSE_CODE%',
    ...(suggestion === undefined ? {} : { suggestion }),
  })
  return undefined
}
