// The tree that picks a policy: by what the request was and what the response is.
import type { HttpResponseHeaderMatchInputJson } from '#api/envoy/type/matcher/v3/http_inputs_pb.ts'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type TypedConfig } from '../../../config/index.ts'
import { type HeaderMap, HeaderName, REQUEST_INPUTS, requestInput } from '../../../http/index.ts'
import { type MatcherTree, type MatchInput, TreeCompiler } from '../../../net/index.ts'
import type { ResponsePolicy } from './policy.ts'

const TYPE = 'envoy.type.matcher.v3'
const HEADER = `${TYPE}.HttpResponseHeaderMatchInput`
const STATUS = `${TYPE}.HttpResponseStatusCodeMatchInput`
const STATUS_CLASS = `${TYPE}.HttpResponseStatusCodeClassMatchInput`

declareSupport(HEADER, { supported: ['header_name'] })
declareSupport(STATUS, { supported: [] })
declareSupport(STATUS_CLASS, { supported: [] })

export interface Exchange {
  readonly request: HeaderMap | null
  readonly response: HeaderMap
}

export type ResponseTree = MatcherTree<Exchange, ResponsePolicy>

function responseInput(type: string, config: object): MatchInput<Exchange> | undefined {
  if (type === STATUS) return ({ response }) => String(response.status)
  if (type === STATUS_CLASS) return ({ response }) => `${Math.trunc(response.status / 100)}xx`
  if (type === HEADER) {
    const name = HeaderName.of((config as HttpResponseHeaderMatchInputJson).headerName ?? '')
    return ({ response }) => (response.has(name) ? response.getAll(name).join(',') : null)
  }
  const ofRequest = requestInput(type, config)
  return ofRequest === undefined ? undefined : ({ request }) => (request === null ? null : ofRequest(request))
}

export function compileResponseTree(json: MatcherJson, context: CompileContext, path: ConfigPath): ResponseTree {
  const parts = {
    input: responseInput,
    inputNames: [...REQUEST_INPUTS, HEADER, STATUS, STATUS_CLASS],
    action: (action: object, at: ConfigPath): ResponsePolicy | undefined => {
      const config = action as TypedConfig
      const factory = context.extensions.find('envoy.http.custom_response', config, context, at)
      if (factory === undefined) return undefined
      return factory.compile(config.typedConfig as object, context, at.field('typed_config')) as ResponsePolicy
    },
  }
  return new TreeCompiler<Exchange, ResponsePolicy>(parts, context).compile(json, path)
}
