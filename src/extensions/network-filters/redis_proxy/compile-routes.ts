import type {
  RedisProxy_PrefixRoutes_Route_RequestMirrorPolicyJson,
  RedisProxy_PrefixRoutes_RouteJson,
} from '#api/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { asciiLowerCase, type CompileContext, type ConfigPath } from '../../../config/index.ts'
import { RuntimeFraction } from '../../../net/index.ts'
import { compileKeyFormat } from './key-format.ts'
import type { MirrorPlan, RoutePlan } from './redis-proxy-plan.ts'

export function compileRoutes(
  routes: readonly RedisProxy_PrefixRoutes_RouteJson[],
  caseInsensitive: boolean,
  context: CompileContext,
  path: ConfigPath,
): readonly RoutePlan[] {
  const seen = new Set<string>()
  return routes.map((json, i) => {
    const at = path.index(i)
    const route = compileRoute(json, caseInsensitive, context, at)
    if (seen.has(route.prefix)) {
      context.diagnostics.error(at.field('prefix'), 'this prefix has a route already', { found: json.prefix ?? '' })
    }
    seen.add(route.prefix)
    return route
  })
}

export function compileRoute(
  json: RedisProxy_PrefixRoutes_RouteJson,
  caseInsensitive: boolean,
  context: CompileContext,
  path: ConfigPath,
): RoutePlan {
  const prefix = toWireText(json.prefix ?? '')
  const { keyFormatter = '', readCommandPolicy } = json
  checkCluster(json.cluster ?? '', context, path.field('cluster'))
  if (readCommandPolicy !== undefined) {
    checkCluster(readCommandPolicy.cluster ?? '', context, path.field('read_command_policy').field('cluster'))
  }
  return {
    prefix: caseInsensitive ? asciiLowerCase(prefix) : prefix,
    removePrefix: json.removePrefix ?? false,
    cluster: json.cluster ?? '',
    readCluster: readCommandPolicy?.cluster ?? '',
    mirrors: (json.requestMirrorPolicy ?? []).map((mirror, i) =>
      compileMirror(mirror, context, path.field('request_mirror_policy').index(i)),
    ),
    keyFormat: keyFormatter === '' ? null : compileKeyFormat(keyFormatter, context, path.field('key_formatter')),
  }
}

function compileMirror(
  json: RedisProxy_PrefixRoutes_Route_RequestMirrorPolicyJson,
  context: CompileContext,
  path: ConfigPath,
): MirrorPlan {
  checkCluster(json.cluster ?? '', context, path.field('cluster'))
  return {
    cluster: json.cluster ?? '',
    fraction: json.runtimeFraction === undefined ? null : new RuntimeFraction(json.runtimeFraction),
    excludesReads: json.excludeReadCommands ?? false,
  }
}

/** As Envoy: the configuration loads, and commands find no host until the cluster is there. */
function checkCluster(name: string, context: CompileContext, path: ConfigPath): void {
  if (context.hasCluster(name)) return
  context.diagnostics.warn(path, `no cluster is named ${name}: commands will find no host until one is`, {
    code: 'unknown-cluster',
  })
}
