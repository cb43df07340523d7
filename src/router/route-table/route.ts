// route.v3.Route: a match and what is done with what matches.
import type { RouteActionJson, RouteJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type ConfigPath, declareSupport, int64 } from '../../config/index.ts'
import {
  compileDecorator,
  compileMutationLevel,
  compileRouteTracing,
  type HeaderMutations,
  type MutationLevel,
  type Route,
} from '../../http/index.ts'
import { compileSpecifier, pluginOf } from './cluster-specifier.ts'
import { withDeprecatedCors } from './deprecated-cors.ts'
import { compileDirectResponse } from './direct-response-action.ts'
import { compilePerFilterConfigs } from './per-filter-config.ts'
import { compileRedirect } from './redirect-action.ts'
import { compileRouteAction } from './route-action.ts'
import { RouteEntry, type RouteEntryFields } from './route-entry.ts'
import { compileRouteMatch, type RouteMatcher } from './route-match.ts'
import type { VirtualHostScope } from './virtual-host-scope.ts'
import { compileWeightedClusters, type RouteChoice } from './weighted-clusters.ts'

declareSupport('envoy.config.route.v3.Route', {
  supported: [
    'name',
    'match',
    'route',
    'redirect',
    'direct_response',
    'metadata',
    'typed_per_filter_config',
    'request_headers_to_add',
    'request_headers_to_remove',
    'response_headers_to_add',
    'response_headers_to_remove',
    'per_request_buffer_limit_bytes',
    'request_body_buffer_limit',
    'stat_prefix',
    'decorator',
    'tracing',
  ],
  refused: {
    filter_action: 'filter actions are not available; use route, redirect or direct_response',
    non_forwarding_action: 'only servers that embed routing use it; use route, redirect or direct_response',
    route_specifiers: 'route specifier extensions are not available',
  },
})

export interface CompiledRoute {
  readonly matcher: RouteMatcher
  readonly choice: RouteChoice
}

class SingleChoice implements RouteChoice {
  private readonly entry: RouteEntry

  constructor(entry: RouteEntry) {
    this.entry = entry
  }

  choose(): RouteEntry {
    return this.entry
  }

  get entries(): readonly RouteEntry[] {
    return [this.entry]
  }

  weightOf(): number {
    return 1
  }
}

/** Compiled when a request first takes it: of 10,000 routes a worker meets some, and an entry is a kilobyte. */
class LateChoice implements RouteChoice {
  private entry: RouteEntry | null = null
  private readonly route: RouteJson
  private readonly matcher: RouteMatcher
  private readonly scope: VirtualHostScope
  private readonly path: ConfigPath

  constructor(route: RouteJson, matcher: RouteMatcher, scope: VirtualHostScope, path: ConfigPath) {
    this.route = route
    this.matcher = matcher
    this.scope = scope
    this.path = path
  }

  choose(): RouteEntry {
    this.entry ??= new RouteEntry(compileFields(this.route, this.matcher, this.scope, this.path))
    return this.entry
  }

  get entries(): readonly RouteEntry[] {
    return [this.choose()]
  }

  weightOf(): number {
    return 1
  }
}

/** Whether compiling takes microseconds and reads no file: no request should wait for patterns, scripts and the like. */
function mayWait({ route, typedPerFilterConfig, tracing }: RouteJson): boolean {
  if (tracing !== undefined) return false
  if (route === undefined || typedPerFilterConfig !== undefined || route.weightedClusters !== undefined) return false
  return (
    route.regexRewrite === undefined &&
    route.hostRewritePathRegex === undefined &&
    route.pathRewritePolicy === undefined &&
    route.hashPolicy === undefined &&
    route.rateLimits === undefined &&
    route.clusterSpecifierPlugin === undefined &&
    route.inlineClusterSpecifierPlugin === undefined
  )
}

/** Undefined after a diagnostic. */
export function compileRoute(route: RouteJson, scope: VirtualHostScope, path: ConfigPath): CompiledRoute | undefined {
  const matcher = compileRouteMatch(route.match ?? {}, scope.context, path.field('match'))
  const late = mayWait(route)
  if (late && scope.context.checked === true) return { matcher, choice: new LateChoice(route, matcher, scope, path) }
  const fields = compileFields(route, matcher, scope, path)
  // Whoever only checks needs no more than the findings.
  if (late) return { matcher, choice: new LateChoice(route, matcher, scope, path) }
  const choice = compileChoice(route.route ?? {}, fields, scope, path.field('route'))
  return choice === undefined ? undefined : { matcher, choice }
}

function compileChoice(
  action: RouteActionJson,
  fields: RouteEntryFields,
  scope: VirtualHostScope,
  path: ConfigPath,
): RouteChoice | undefined {
  const { weightedClusters } = action
  if (weightedClusters !== undefined) {
    return compileWeightedClusters(weightedClusters, fields, scope, path.field('weighted_clusters'))
  }
  const plugin = pluginOf(action, scope.plugins, scope.context, path)
  return plugin === undefined
    ? new SingleChoice(new RouteEntry(fields))
    : compileSpecifier(plugin, fields, scope.context)
}

function compileFields(
  route: RouteJson,
  matcher: RouteMatcher,
  scope: VirtualHostScope,
  path: ConfigPath,
): RouteEntryFields {
  const { context } = scope
  const own = compileMutationLevel(route, context, path)
  return {
    ...compileRouteAction(route.route ?? {}, matcher, scope, path.field('route')),
    name: route.name === undefined || route.name === '' ? null : route.name,
    virtualHost: scope.plan,
    kind: kindOf(route),
    bufferLimitBytes: bufferLimit(route, scope.bufferLimitBytes),
    statPrefix: route.statPrefix === undefined || route.statPrefix === '' ? null : route.statPrefix,
    metadata: route.metadata?.filterMetadata ?? null,
    tracing: compileRouteTracing(route.tracing, context, path.field('tracing')),
    decorator: compileDecorator(route.decorator),
    filterConfigs: withDeprecatedCors(
      route.route?.cors,
      compilePerFilterConfigs(route.typedPerFilterConfig, scope.filterConfigs, context, path),
      context,
      path.field('route').field('cors'),
    ),
    requestMutations: inOrder('request', own, scope),
    responseMutations: inOrder('response', own, scope),
    redirectPlan:
      route.redirect === undefined ? null : compileRedirect(route.redirect, matcher, context, path.field('redirect')),
    directResponse:
      route.directResponse === undefined
        ? null
        : compileDirectResponse(
            route.directResponse,
            scope.maxDirectResponseBodyBytes,
            context,
            path.field('direct_response'),
          ),
  }
}

function kindOf(route: RouteJson): Route['kind'] {
  if (route.redirect !== undefined) return 'redirect'
  return route.directResponse === undefined ? 'cluster' : 'direct_response'
}

/** The levels of header mutations in the order they are applied: the last one to overwrite a header wins. */
export function levelsInOrder<T>(route: T, host: T, table: T, mostSpecificWins: boolean): readonly T[] {
  return mostSpecificWins ? [table, host, route] : [route, host, table]
}

function inOrder(kind: keyof MutationLevel, own: MutationLevel, scope: VirtualHostScope): readonly HeaderMutations[] {
  const { hostMutations, tableMutations, mostSpecificWins } = scope
  const levels = levelsInOrder(own[kind], hostMutations[kind], tableMutations[kind], mostSpecificWins)
  return levels.filter(level => !level.isEmpty)
}

/** Bytes; `fallback` where neither field is set. The newer field replaces the older one. */
export function bufferLimit(
  limits: Pick<RouteJson, 'perRequestBufferLimitBytes' | 'requestBodyBufferLimit'>,
  fallback: number,
): number {
  if (limits.requestBodyBufferLimit !== undefined) return int64(limits.requestBodyBufferLimit)
  return limits.perRequestBufferLimitBytes ?? fallback
}
