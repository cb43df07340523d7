import type { CidrRangeJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { SourcedMetadataJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import type { MetadataMatcherJson } from '#api/envoy/type/matcher/v3/metadata_pb.ts'
import { type CompileContext, type ConfigPath, compileMetadataMatcher } from '../../config/index.ts'
import { endpointOf, parseCidr } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import type { HeaderMap } from '../headers.ts'
import type { Route } from '../route.ts'

/** Who asks for what. */
export interface RbacSubject {
  readonly info: StreamInfo
  /** Null: this is a connection, not a request. */
  readonly headers: HeaderMap | null
  readonly route: Route | null
}

export type RbacRule = (subject: RbacSubject) => boolean

/** Connections have no headers and no path. */
export type RbacScope = 'http' | 'network'

export const ANYBODY: RbacRule = () => true

export const allOf =
  (rules: readonly RbacRule[]): RbacRule =>
  subject =>
    rules.every(rule => rule(subject))

export const someOf =
  (rules: readonly RbacRule[]): RbacRule =>
  subject =>
    rules.some(rule => rule(subject))

export const negated =
  (rule: RbacRule): RbacRule =>
  subject =>
    !rule(subject)

export function inRange(
  json: CidrRangeJson,
  address: (info: StreamInfo) => string,
  context: CompileContext,
  path: ConfigPath,
): RbacRule {
  const cidr = parseCidr(json)
  if (cidr === null) {
    context.diagnostics.error(path.field('address_prefix'), 'is not an IP address', { found: json.addressPrefix ?? '' })
    return () => false
  }
  return ({ info }) => {
    const { ip } = endpointOf(address(info))
    return ip !== null && cidr.contains(ip)
  }
}

export function matchesMetadata(json: MetadataMatcherJson, context: CompileContext, path: ConfigPath): RbacRule {
  const predicate = compileMetadataMatcher(json, context, path)
  return ({ info }) => predicate(info.dynamicMetadata)
}

export function matchesSourcedMetadata(json: SourcedMetadataJson, context: CompileContext, path: ConfigPath): RbacRule {
  const matcher = json.metadataMatcher ?? {}
  if (json.metadataSource !== 'ROUTE') return matchesMetadata(matcher, context, path.field('metadata_matcher'))
  const predicate = compileMetadataMatcher(matcher, context, path.field('metadata_matcher'))
  return ({ route }) => predicate(route === null || route.metadata === null ? null : asMap(route.metadata))
}

/** A route's metadata in the form that dynamic metadata has; made once per route. */
const maps = new WeakMap<object, ReadonlyMap<string, Record<string, unknown>>>()

function asMap(metadata: object): ReadonlyMap<string, Record<string, unknown>> {
  let map = maps.get(metadata)
  if (map === undefined) maps.set(metadata, (map = new Map(Object.entries(metadata))))
  return map
}

/** False, and a diagnostic, where a rule about requests stands in rules about connections. */
export function needsRequest(scope: RbacScope, field: string, context: CompileContext, path: ConfigPath): boolean {
  if (scope === 'http') return true
  context.diagnostics.error(path.field(field), `only HTTP requests have a ${field}`, {
    expected: 'rules about addresses, ports, server names and metadata',
  })
  return false
}
