// rbac.v3.Permission: what is asked for.
import type { PermissionJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher } from '../../config/index.ts'
import { endpointOf } from '../../net/index.ts'
import { compileHeaderMatcher } from '../matchers/header-matcher.ts'
import { compilePathMatcher, withoutQuery } from '../matchers/path-matcher.ts'
import { compileUriTemplateMatch } from '../matchers/uri-template.ts'
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
  type RbacSubject,
  someOf,
} from './rule.ts'

export function compilePermission(
  json: PermissionJson,
  scope: RbacScope,
  context: CompileContext,
  path: ConfigPath,
): RbacRule {
  const all = (rules: readonly PermissionJson[] | undefined, field: string): readonly RbacRule[] =>
    (rules ?? []).map((rule, i) => compilePermission(rule, scope, context, path.field(field).field('rules').index(i)))
  if (json.andRules !== undefined) return allOf(all(json.andRules.rules, 'and_rules'))
  if (json.orRules !== undefined) return someOf(all(json.orRules.rules, 'or_rules'))
  if (json.notRule !== undefined)
    return negated(compilePermission(json.notRule, scope, context, path.field('not_rule')))
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
  if (json.uriTemplate !== undefined) {
    if (!needsRequest(scope, 'uri_template', context, path)) return ANYBODY
    const template = compileUriTemplateMatch(json.uriTemplate, context, path.field('uri_template'))
    return ({ headers }) => headers?.hasPath === true && template?.matches(withoutQuery(headers.path)) === true
  }
  return compileAddressed(json, context, path)
}

function compileAddressed(json: PermissionJson, context: CompileContext, path: ConfigPath): RbacRule {
  const { destinationIp, destinationPort, destinationPortRange: range } = json
  if (destinationIp !== undefined) {
    return inRange(destinationIp, info => info.connection.localAddress, context, path.field('destination_ip'))
  }
  if (destinationPort !== undefined) return subject => localPort(subject) === destinationPort
  if (range !== undefined) {
    const { start = 0, end = 0 } = range
    return subject => localPort(subject) >= start && localPort(subject) < end
  }
  if (json.metadata !== undefined) return matchesMetadata(json.metadata, context, path.field('metadata'))
  if (json.sourcedMetadata !== undefined) {
    return matchesSourcedMetadata(json.sourcedMetadata, context, path.field('sourced_metadata'))
  }
  if (json.requestedServerName !== undefined) {
    const predicate = compileStringMatcher(json.requestedServerName, context, path.field('requested_server_name'))
    return ({ info }) => predicate(info.connection.requestedServerName ?? '')
  }
  return ANYBODY
}

function localPort({ info }: RbacSubject): number {
  return endpointOf(info.connection.localAddress).port
}
