// What a matcher looks at: an input of xds.type.matcher.v3.Matcher.
import type {
  HttpRequestHeaderMatchInputJson,
  HttpRequestQueryParamMatchInputJson,
  HttpResponseHeaderMatchInputJson,
} from '#api/envoy/type/matcher/v3/http_inputs_pb.ts'
import { toWireText } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  nearestName,
  type TypedConfig,
  typeName,
} from '../../config/index.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import { decodedQueryParameter } from './query-parameter-matcher.ts'

const TYPE = 'envoy.type.matcher.v3'

declareSupport(`${TYPE}.HttpRequestHeaderMatchInput`, { supported: ['header_name'] })
declareSupport(`${TYPE}.HttpResponseHeaderMatchInput`, { supported: ['header_name'] })
declareSupport(`${TYPE}.HttpRequestQueryParamMatchInput`, { supported: ['query_param'] })
declareSupport(`${TYPE}.HttpResponseStatusCodeMatchInput`, { supported: [] })
declareSupport(`${TYPE}.HttpResponseStatusCodeClassMatchInput`, { supported: [] })

export interface MatchFacts {
  readonly requestHeaders: HeaderMap | null
  readonly responseHeaders: HeaderMap | null
}

/** Null: there is nothing to look at. */
export type MatchInput = (facts: MatchFacts) => string | null

type Which = 'requestHeaders' | 'responseHeaders'

/** All values of a name as one text. */
function header(which: Which, name: string): MatchInput {
  if (name.startsWith(':')) return facts => facts[which]?.lookup(name) ?? null
  const known = HeaderName.of(name)
  return facts => {
    const headers = facts[which]
    return headers?.has(known) === true ? headers.getAll(known).join(',') : null
  }
}

const INPUTS: Readonly<Record<string, (config: object) => MatchInput>> = {
  HttpRequestHeaderMatchInput: config =>
    header('requestHeaders', (config as HttpRequestHeaderMatchInputJson).headerName ?? ''),
  HttpResponseHeaderMatchInput: config =>
    header('responseHeaders', (config as HttpResponseHeaderMatchInputJson).headerName ?? ''),
  HttpRequestQueryParamMatchInput: config => {
    const name = toWireText((config as HttpRequestQueryParamMatchInputJson).queryParam ?? '')
    return ({ requestHeaders }) =>
      requestHeaders === null ? null : (decodedQueryParameter(requestHeaders.path, name) ?? null)
  },
  HttpResponseStatusCodeMatchInput:
    () =>
    ({ responseHeaders }) =>
      responseHeaders === null ? null : String(responseHeaders.status),
  HttpResponseStatusCodeClassMatchInput:
    () =>
    ({ responseHeaders }) =>
      responseHeaders === null ? null : `${Math.trunc(responseHeaders.status / 100)}xx`,
}

/** Undefined after a diagnostic. */
export function compileMatchInput(
  json: TypedConfig | undefined,
  context: CompileContext,
  path: ConfigPath,
): MatchInput | undefined {
  const type = typeName(json?.typedConfig ?? {})
  const name = type.startsWith(`${TYPE}.`) ? type.slice(TYPE.length + 1) : type
  if (Object.hasOwn(INPUTS, name)) return INPUTS[name]!(json?.typedConfig as object)
  const known = Object.keys(INPUTS).map(one => `${TYPE}.${one}`)
  const suggestion = nearestName(type, known)
  context.diagnostics.error(path.field('typed_config'), `no input for matchers is called ${type}`, {
    expected: `one of ${known.join(', ')}`,
    found: type,
    ...(suggestion === undefined ? {} : { suggestion }),
  })
  return undefined
}
