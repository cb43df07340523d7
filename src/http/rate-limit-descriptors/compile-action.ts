// One of the kinds of route.v3.RateLimit.Action.
import type { RateLimit_ActionJson as ActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import type { RateLimitAction } from './descriptor.ts'
import { compileInputAction } from './input-action.ts'
import { HeaderValueMatchAction, QueryParameterValueMatchAction, RemoteAddressMatchAction } from './match-actions.ts'
import {
  DestinationClusterAction,
  GenericKeyAction,
  MaskedRemoteAddressAction,
  MetadataAction,
  QueryParametersAction,
  RemoteAddressAction,
  RequestHeadersAction,
  SourceClusterAction,
} from './plain-actions.ts'

/** Undefined for kinds that the declarations refuse, or after a diagnostic. */
export function compileAction(
  json: ActionJson,
  context: CompileContext,
  path: ConfigPath,
): RateLimitAction | undefined {
  const { genericKey, headerValueMatch, queryParameterValueMatch, remoteAddressMatch } = json
  if (json.extension !== undefined) return compileInputAction(json.extension, context, path.field('extension'))
  if (json.sourceCluster !== undefined) return new SourceClusterAction()
  if (json.destinationCluster !== undefined) return new DestinationClusterAction()
  if (json.requestHeaders !== undefined) return new RequestHeadersAction(json.requestHeaders)
  if (json.queryParameters !== undefined) return new QueryParametersAction(json.queryParameters)
  if (json.remoteAddress !== undefined) return new RemoteAddressAction()
  if (json.maskedRemoteAddress !== undefined) return new MaskedRemoteAddressAction(json.maskedRemoteAddress)
  if (json.metadata !== undefined) return new MetadataAction(json.metadata)
  if (json.dynamicMetadata !== undefined) return new MetadataAction(json.dynamicMetadata)
  if (genericKey !== undefined) {
    const key = genericKey.descriptorKey ?? ''
    return new GenericKeyAction(key === '' ? 'generic_key' : key, genericKey.descriptorValue ?? '')
  }
  if (headerValueMatch !== undefined) {
    return new HeaderValueMatchAction(headerValueMatch, context, path.field('header_value_match'))
  }
  if (queryParameterValueMatch !== undefined) {
    const at = path.field('query_parameter_value_match')
    return new QueryParameterValueMatchAction(queryParameterValueMatch, context, at)
  }
  if (remoteAddressMatch === undefined) return undefined
  return new RemoteAddressMatchAction(remoteAddressMatch, context, path.field('remote_address_match'))
}
