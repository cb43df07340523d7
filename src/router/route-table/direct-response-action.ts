// route.v3.DirectResponseAction.
import type { DirectResponseActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, dataSourceBytes, declareSupport } from '../../config/index.ts'
import type { DirectResponsePlan } from '../../http/index.ts'
import { compileSubstitutionFormat } from '../../net/index.ts'

declareSupport('envoy.config.route.v3.DirectResponseAction', {
  supported: ['status', 'body', 'body_format'],
})

export function compileDirectResponse(
  action: DirectResponseActionJson,
  maxBodyBytes: number,
  context: CompileContext,
  path: ConfigPath,
): DirectResponsePlan {
  const body = action.body === undefined ? undefined : dataSourceBytes(action.body, context, path.field('body'))
  if (body !== undefined && body.length > maxBodyBytes) {
    context.diagnostics.error(path.field('body'), `the body has ${body.length} bytes; at most ${maxBodyBytes} may be`, {
      expected: 'a smaller body, or a larger max_direct_response_body_size_bytes on the route configuration',
    })
  }
  return {
    status: action.status ?? 200,
    body: body === undefined ? '' : body.toString('latin1'),
    format: compileBodyFormat(action.bodyFormat, context, path.field('body_format')),
  }
}

function compileBodyFormat(
  json: DirectResponseActionJson['bodyFormat'],
  context: CompileContext,
  path: ConfigPath,
): DirectResponsePlan['format'] {
  if (json === undefined) return null
  const formatter = compileSubstitutionFormat(json, context, path)
  if (formatter === undefined) return null
  const usual = json.jsonFormat === undefined ? 'text/plain' : 'application/json'
  return {
    formatter,
    contentType: json.contentType === undefined || json.contentType === '' ? usual : json.contentType,
  }
}
