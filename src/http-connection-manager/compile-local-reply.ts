// LocalReplyConfig: how the proxy's own answers are made to look.
import type { SubstitutionFormatStringJson } from '#api/envoy/config/core/v3/substitution_format_string_pb.ts'
import type {
  LocalReplyConfigJson,
  ResponseMapperJson,
} from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { type CompileContext, type ConfigPath, dataSourceText } from '../config/index.ts'
import { compileHeaderMutations } from '../http/index.ts'
import { compileAccessLogFilter, compileSubstitutionFormat } from '../net/index.ts'
import type { BodyFormat, LocalReplyMapper, LocalReplyPlan } from './local-reply.ts'

export function compileLocalReply(
  config: LocalReplyConfigJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): LocalReplyPlan {
  return {
    mappers: (config?.mappers ?? []).map((mapper, index) =>
      compileMapper(mapper, context, path.field('mappers').index(index)),
    ),
    bodyFormat: compileBodyFormat(config?.bodyFormat, context, path.field('body_format')),
  }
}

function compileMapper(mapper: ResponseMapperJson, context: CompileContext, path: ConfigPath): LocalReplyMapper {
  const headers = compileHeaderMutations(mapper.headersToAdd ?? [], [], context, path.field('headers_to_add'))
  return {
    filter: compileAccessLogFilter(mapper.filter ?? {}, context, path.field('filter')),
    status: mapper.statusCode ?? 0,
    body: mapper.body === undefined ? null : latin1(dataSourceText(mapper.body, context, path.field('body')) ?? ''),
    bodyFormat: compileBodyFormat(mapper.bodyFormatOverride, context, path.field('body_format_override')),
    addHeaders: (reply, info, request) => headers.apply(reply, request, reply, info),
  }
}

function compileBodyFormat(
  json: SubstitutionFormatStringJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): BodyFormat | null {
  if (json === undefined) return null
  const formatter = compileSubstitutionFormat(json, context, path)
  if (formatter === undefined) return null
  const fallback = json.jsonFormat === undefined ? 'text/plain' : 'application/json'
  return {
    formatter,
    contentType: json.contentType === undefined || json.contentType === '' ? fallback : json.contentType,
  }
}

/** Texts travel as latin1 strings: one character per byte. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
