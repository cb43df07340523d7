// What the matcher trees of http filters may look at: the parts of one exchange, as they come (Envoy: HttpMatchingData).
import type {
  HttpRequestQueryParamMatchInputJson,
  HttpResponseHeaderMatchInputJson,
} from '#api/envoy/type/matcher/v3/http_inputs_pb.ts'
import { declareSupport } from '../../config/index.ts'
import { CelSubject, type MatchInput } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import { decodedQueryParameter } from '../matchers/query-parameter-matcher.ts'
import { CONNECTION_INPUTS, connectionInput } from './connection-inputs.ts'
import { CEL_INPUT, REQUEST_INPUTS, requestInput } from './http-inputs.ts'

export class MatchingData {
  info: StreamInfo
  request: HeaderMap | null = null
  requestTrailers: HeaderMap | null = null
  response: HeaderMap | null = null
  responseTrailers: HeaderMap | null = null
  /** A part was asked for that has not come: what a tree finds now may not be what it means. */
  incomplete = false

  constructor(info: StreamInfo) {
    this.info = info
  }
}

type Part = 'request' | 'requestTrailers' | 'response' | 'responseTrailers'

const TYPE = 'envoy.type.matcher.v3'
const QUERY = `${TYPE}.HttpRequestQueryParamMatchInput`
const STATUS = `${TYPE}.HttpResponseStatusCodeMatchInput`
const STATUS_CLASS = `${TYPE}.HttpResponseStatusCodeClassMatchInput`
/** Fields of these parts, by name. */
const FIELDS: Readonly<Record<string, Part>> = {
  [`${TYPE}.HttpRequestTrailerMatchInput`]: 'requestTrailers',
  [`${TYPE}.HttpResponseHeaderMatchInput`]: 'response',
  [`${TYPE}.HttpResponseTrailerMatchInput`]: 'responseTrailers',
}
declareSupport(QUERY, { supported: ['query_param'] })
declareSupport(STATUS, { supported: [] })
declareSupport(STATUS_CLASS, { supported: [] })
for (const type of Object.keys(FIELDS)) declareSupport(type, { supported: ['header_name'] })

export const EXCHANGE_INPUTS: readonly string[] = [
  ...REQUEST_INPUTS,
  QUERY,
  ...Object.keys(FIELDS),
  STATUS,
  STATUS_CLASS,
  ...CONNECTION_INPUTS,
]

/** An input of one part; while that has not come, nothing can be said. */
function ofPart(part: Part, read: (headers: HeaderMap) => unknown): MatchInput<MatchingData> {
  return data => {
    const headers = data[part]
    if (headers !== null) return read(headers)
    data.incomplete = true
    return null
  }
}

/** Undefined for a type that is none of EXCHANGE_INPUTS. */
export function exchangeInput(type: string, config: object): MatchInput<MatchingData> | undefined {
  const ofRequest = requestInput(type, config)
  if (type === CEL_INPUT) {
    return ({ info, request, response, responseTrailers }) => new CelSubject(info, request, response, responseTrailers)
  }
  if (ofRequest !== undefined) {
    return data => {
      const { info, request } = data
      if (request !== null) return ofRequest({ headers: request, info })
      data.incomplete = true
      return null
    }
  }
  const part = FIELDS[type]
  if (part !== undefined) {
    const name = HeaderName.of((config as HttpResponseHeaderMatchInputJson).headerName ?? '')
    return ofPart(part, headers => (headers.has(name) ? headers.getAll(name).join(',') : null))
  }
  switch (type) {
    case QUERY: {
      const { queryParam = '' } = config as HttpRequestQueryParamMatchInputJson
      return ofPart('request', headers => decodedQueryParameter(headers.path, queryParam) ?? null)
    }
    case STATUS:
      return ofPart('response', ({ status }) => String(status))
    case STATUS_CLASS:
      return ofPart('response', ({ status }) => `${Math.trunc(status / 100)}xx`)
  }
  const ofConnection = connectionInput(type, config)
  return ofConnection === undefined ? undefined : ({ info }) => ofConnection(info)
}

/** Whether an input of this type can be answered once the request's headers are there. */
export function isKnownWithRequest(type: string): boolean {
  return !(type in FIELDS) && type !== STATUS && type !== STATUS_CLASS
}
