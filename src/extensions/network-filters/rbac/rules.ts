import type { CidrRangeJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { PermissionJson, PolicyJson, PrincipalJson, RBACJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileMetadataMatcher,
  compileStringMatcher,
} from '../../../config/index.ts'
import { endpointOf, type IpEndpoint, parseCidr } from '../../../net/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'

type Rule = (info: StreamInfo) => boolean

export interface RuleResult {
  readonly allowed: boolean
  /** The first policy, by name, that matched; 'none'. */
  readonly policy: string
}

/** envoy.config.rbac.v3.RBAC, compiled. */
export class Rules {
  private readonly action: 'ALLOW' | 'DENY' | 'LOG'
  private readonly policies: readonly { readonly name: string; readonly matches: Rule }[]

  constructor(json: RBACJson, context: CompileContext, path: ConfigPath) {
    this.action = json.action ?? 'ALLOW'
    const at = path.field('policies')
    this.policies = Object.entries(json.policies ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, policy]) => ({ name, matches: compilePolicy(policy, context, at.field(name)) }))
  }

  check(info: StreamInfo): RuleResult {
    const policy = this.policies.find(({ matches }) => matches(info))?.name
    const allowed = this.action === 'LOG' || (policy !== undefined) === (this.action === 'ALLOW')
    return { allowed, policy: policy ?? 'none' }
  }
}

function compilePolicy(policy: PolicyJson, context: CompileContext, path: ConfigPath): Rule {
  const permissions = (policy.permissions ?? []).map((permission, i) =>
    compilePermission(permission, context, path.field('permissions').index(i)),
  )
  const principals = (policy.principals ?? []).map((principal, i) =>
    compilePrincipal(principal, context, path.field('principals').index(i)),
  )
  return info => permissions.some(rule => rule(info)) && principals.some(rule => rule(info))
}

function compilePermission(json: PermissionJson, context: CompileContext, path: ConfigPath): Rule {
  const { andRules, orRules, destinationIp, destinationPort, destinationPortRange: range, notRule } = json
  const all = (rules: readonly PermissionJson[] | undefined, field: string): readonly Rule[] =>
    (rules ?? []).map((rule, i) => compilePermission(rule, context, path.field(field).field('rules').index(i)))
  if (andRules !== undefined) return every(all(andRules.rules, 'and_rules'))
  if (orRules !== undefined) return some(all(orRules.rules, 'or_rules'))
  if (notRule !== undefined) return not(compilePermission(notRule, context, path.field('not_rule')))
  if (destinationIp !== undefined) {
    return inRange(destinationIp, info => info.connection.localAddress, context, path.field('destination_ip'))
  }
  if (destinationPort !== undefined) return info => localEndpoint(info).port === destinationPort
  if (range !== undefined) {
    const { start = 0, end = 0 } = range
    return info => localEndpoint(info).port >= start && localEndpoint(info).port < end
  }
  if (json.metadata !== undefined) {
    const predicate = compileMetadataMatcher(json.metadata, context, path.field('metadata'))
    return info => predicate(info.dynamicMetadata)
  }
  if (json.requestedServerName !== undefined) {
    const predicate = compileStringMatcher(json.requestedServerName, context, path.field('requested_server_name'))
    return info => predicate(info.connection.requestedServerName ?? '')
  }
  return () => true
}

function compilePrincipal(json: PrincipalJson, context: CompileContext, path: ConfigPath): Rule {
  const { andIds, orIds, notId, sourceIp, directRemoteIp, remoteIp, metadata } = json
  const all = (ids: readonly PrincipalJson[] | undefined, field: string): readonly Rule[] =>
    (ids ?? []).map((id, i) => compilePrincipal(id, context, path.field(field).field('ids').index(i)))
  if (andIds !== undefined) return every(all(andIds.ids, 'and_ids'))
  if (orIds !== undefined) return some(all(orIds.ids, 'or_ids'))
  if (notId !== undefined) return not(compilePrincipal(notId, context, path.field('not_id')))
  if (sourceIp !== undefined) {
    return inRange(sourceIp, info => info.connection.remoteAddress, context, path.field('source_ip'))
  }
  if (directRemoteIp !== undefined) {
    return inRange(directRemoteIp, info => info.connection.directRemoteAddress, context, path.field('direct_remote_ip'))
  }
  if (remoteIp !== undefined) {
    return inRange(remoteIp, info => info.connection.remoteAddress, context, path.field('remote_ip'))
  }
  if (metadata !== undefined) {
    const predicate = compileMetadataMatcher(metadata, context, path.field('metadata'))
    return info => predicate(info.dynamicMetadata)
  }
  return () => true
}

const every =
  (rules: readonly Rule[]): Rule =>
  info =>
    rules.every(rule => rule(info))
const some =
  (rules: readonly Rule[]): Rule =>
  info =>
    rules.some(rule => rule(info))
const not =
  (rule: Rule): Rule =>
  info =>
    !rule(info)

function inRange(
  json: CidrRangeJson,
  address: (info: StreamInfo) => string,
  context: CompileContext,
  path: ConfigPath,
): Rule {
  const cidr = parseCidr(json)
  if (cidr === null) {
    context.diagnostics.error(path.field('address_prefix'), 'is not an IP address', { found: json.addressPrefix ?? '' })
    return () => false
  }
  return info => {
    const { ip } = endpointOf(address(info))
    return ip !== null && cidr.contains(ip)
  }
}

function localEndpoint(info: StreamInfo): IpEndpoint {
  return endpointOf(info.connection.localAddress)
}
