// rbac.v3.Principal: who asks.
import type { PrincipalJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import type { FilterStateMatcherJson } from '#api/envoy/type/matcher/v3/filter_state_pb.ts'
import type { StringMatcherJson } from '#api/envoy/type/matcher/v3/string_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher } from '../../config/index.ts'
import { type Cidr, parseCidr, parseIp } from '../../net/index.ts'
import { compileHeaderMatcher } from '../matchers/header-matcher.ts'
import { compilePathMatcher } from '../matchers/path-matcher.ts'
import {
  ANYBODY,
  allOf,
  inRange,
  matchesMetadata,
  matchesSourcedMetadata,
  needsRequest,
  negated,
  type RbacRule,
  type RbacScope,
  someOf,
} from './rule.ts'

export function compilePrincipal(
  json: PrincipalJson,
  scope: RbacScope,
  context: CompileContext,
  path: ConfigPath,
): RbacRule {
  const all = (ids: readonly PrincipalJson[] | undefined, field: string): readonly RbacRule[] =>
    (ids ?? []).map((id, i) => compilePrincipal(id, scope, context, path.field(field).field('ids').index(i)))
  if (json.andIds !== undefined) return allOf(all(json.andIds.ids, 'and_ids'))
  if (json.orIds !== undefined) return someOf(all(json.orIds.ids, 'or_ids'))
  if (json.notId !== undefined) return negated(compilePrincipal(json.notId, scope, context, path.field('not_id')))
  if (json.header !== undefined) {
    if (!needsRequest(scope, 'header', context, path)) return ANYBODY
    const matcher = compileHeaderMatcher(json.header, context, path.field('header'))
    return ({ headers }) => headers !== null && matcher.matches(headers)
  }
  if (json.urlPath !== undefined) {
    if (!needsRequest(scope, 'url_path', context, path)) return ANYBODY
    const matches = compilePathMatcher(json.urlPath, context, path.field('url_path'))
    return ({ headers }) => headers?.hasPath === true && matches(headers.path)
  }
  return compileIdentity(json, context, path)
}

function compileIdentity(json: PrincipalJson, context: CompileContext, path: ConfigPath): RbacRule {
  if (json.authenticated !== undefined) {
    return authenticated(json.authenticated.principalName, context, path.field('authenticated').field('principal_name'))
  }
  const { sourceIp, directRemoteIp, remoteIp, metadata, sourcedMetadata, filterState } = json
  if (sourceIp !== undefined) {
    return inRange(sourceIp, info => info.connection.remoteAddress, context, path.field('source_ip'))
  }
  if (directRemoteIp !== undefined) {
    return inRange(directRemoteIp, info => info.connection.directRemoteAddress, context, path.field('direct_remote_ip'))
  }
  if (remoteIp !== undefined) {
    const address = path.field('remote_ip')
    return inRange(remoteIp, info => info.remoteAddress ?? info.connection.remoteAddress, context, address)
  }
  if (metadata !== undefined) return matchesMetadata(metadata, context, path.field('metadata'))
  if (sourcedMetadata !== undefined) {
    return matchesSourcedMetadata(sourcedMetadata, context, path.field('sourced_metadata'))
  }
  if (filterState !== undefined) return matchesFilterState(filterState, context, path.field('filter_state'))
  return ANYBODY
}

/** Who showed a certificate; by name: one of its URIs, else one of its DNS names, else its subject. */
function authenticated(name: StringMatcherJson | undefined, context: CompileContext, path: ConfigPath): RbacRule {
  if (name === undefined) return ({ info }) => info.connection.ssl?.peerCertificatePresented === true
  const predicate = compileStringMatcher(name, context, path)
  return ({ info }) => {
    const certificate = info.connection.ssl?.peerCertificate ?? null
    if (certificate === null) return false
    return certificate.uriSans.some(predicate) || certificate.dnsSans.some(predicate) || predicate(certificate.subject)
  }
}

function matchesFilterState(json: FilterStateMatcherJson, context: CompileContext, path: ConfigPath): RbacRule {
  const key = json.key ?? ''
  const valueIn = ({
    info,
  }: {
    readonly info: { readonly filterState: Map<string, unknown> | null }
  }): string | null => {
    const value = info.filterState?.get(key)
    return value === undefined || value === null ? null : String(value)
  }
  if (json.stringMatch !== undefined) {
    const predicate = compileStringMatcher(json.stringMatch, context, path.field('string_match'))
    return subject => {
      const value = valueIn(subject)
      return value !== null && predicate(value)
    }
  }
  const ranges = (json.addressMatch?.ranges ?? []).map(range => parseCidr(range)).filter((r): r is Cidr => r !== null)
  const inverted = json.addressMatch?.invertMatch === true
  return subject => {
    const ip = parseIp(valueIn(subject) ?? '')
    return ip !== null && ranges.some(range => range.contains(ip)) !== inverted
  }
}
