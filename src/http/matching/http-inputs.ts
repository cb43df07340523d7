// What the matcher trees of routes may look at: request headers, and Envoy's attributes of the request as it came.
import type { DynamicMetadataInputJson } from '#api/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts'
import type { HttpRequestHeaderMatchInputJson } from '#api/envoy/type/matcher/v3/http_inputs_pb.ts'
import { declareSupport } from '../../config/index.ts'
import { CelSubject, type MatchInput, MetadataValue } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import { HOST } from '../known-headers.ts'
import { metadataReader } from '../rate-limit-descriptors/metadata-key.ts'

const HEADER = 'envoy.type.matcher.v3.HttpRequestHeaderMatchInput'
declareSupport(HEADER, { supported: ['header_name'] })

export const CEL_INPUT = 'xds.type.matcher.v3.HttpAttributesCelMatchInput'
declareSupport(CEL_INPUT, { supported: [] })

const METADATA = 'envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput'
declareSupport(METADATA, { supported: ['filter', 'path'] })
declareSupport(`${METADATA}.PathSegment`, { supported: ['key'] })

export const REQUEST_INPUTS: readonly string[] = [HEADER, CEL_INPUT, METADATA]

export interface RequestSubject {
  readonly headers: HeaderMap
  readonly info: StreamInfo
}

/** As Envoy: several lines of one name are looked at as one value. Undefined for a type that is none of REQUEST_INPUTS. */
export function requestInput(type: string, config: object): MatchInput<RequestSubject> | undefined {
  if (type === CEL_INPUT) return ({ headers, info }) => new CelSubject(info, headers)
  if (type === METADATA) {
    const { filter, path } = config as DynamicMetadataInputJson
    const read = metadataReader({ key: filter ?? '', path: (path ?? []).map(({ key }) => ({ key: key ?? '' })) })
    return ({ info }) => new MetadataValue(read(info.dynamicMetadata))
  }
  if (type !== HEADER) return undefined
  const text = ((config as HttpRequestHeaderMatchInputJson).headerName ?? '').toLowerCase()
  if (text.startsWith(':') && text !== ':authority') return ({ headers }) => headers.lookup(text) ?? null
  const name = text === ':authority' ? HOST : HeaderName.of(text)
  return ({ headers }) => {
    const values = headers.getAll(name)
    return values.length === 0 ? null : values.join(',')
  }
}
