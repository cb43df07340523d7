// VirtualHost.matcher: a tree whose leaves are routes, each with its own match.
import type { RouteJson, RouteListJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'
import { type HeaderMap, REQUEST_INPUTS, type RequestSubject, requestInput } from '../../http/index.ts'
import { type MatcherTree, TreeCompiler } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { type CompiledRoute, compileRoute } from './route.ts'
import { RouteIndex } from './route-index.ts'
import type { VirtualHostScope } from './virtual-host-scope.ts'

declareSupport('envoy.config.route.v3.RouteList', { supported: ['routes'] })

const ROUTE = 'envoy.config.route.v3.Route'
const ROUTE_LIST = 'envoy.config.route.v3.RouteList'

/** Chooses among the routes of a virtual host: the index of one, or -1. */
export interface RouteSelector {
  find(headers: HeaderMap, info: StreamInfo, random: number): number
}

interface Leaf {
  readonly index: RouteIndex
  /** Index of its first route among those of the virtual host. */
  readonly first: number
}

class RouteTree implements RouteSelector {
  private readonly tree: MatcherTree<RequestSubject, Leaf>
  /** One for all requests, since each is looked at in one go. */
  private readonly subject: { headers: HeaderMap | null; info: StreamInfo | null } = { headers: null, info: null }

  constructor(tree: MatcherTree<RequestSubject, Leaf>) {
    this.tree = tree
  }

  find(headers: HeaderMap, info: StreamInfo, random: number): number {
    const { subject } = this
    subject.headers = headers
    subject.info = info
    const leaf = this.tree.find(subject as RequestSubject)
    subject.headers = null
    subject.info = null
    const index = leaf === null ? -1 : leaf.index.find(headers, info, random)
    return leaf === null || index < 0 ? -1 : leaf.first + index
  }
}

export interface PlacedRoute {
  readonly json: RouteJson
  readonly path: ConfigPath
}

/** Walks the tree; `leaf` gets the routes of each of its leaves. Routes have the order in which it does. */
function walk<Found>(
  matcher: MatcherJson,
  context: CompileContext,
  path: ConfigPath,
  leaf: (routes: readonly PlacedRoute[]) => Found,
): MatcherTree<RequestSubject, Found> {
  const compiler = new TreeCompiler<RequestSubject, Found>(
    {
      input: requestInput,
      inputNames: REQUEST_INPUTS,
      action: ({ typedConfig }, at) => {
        const config = (typedConfig ?? {}) as RouteJson & RouteListJson & { '@type'?: string }
        const place = at.field('typed_config')
        if (typeName(config) === ROUTE) return leaf([{ json: config, path: place }])
        if (typeName(config) === ROUTE_LIST) {
          const list = place.field('routes')
          return leaf((config.routes ?? []).map((json, i) => ({ json, path: list.index(i) })))
        }
        context.diagnostics.error(place, `${typeName(config)} is no route`, { expected: `${ROUTE} or ${ROUTE_LIST}` })
        return undefined
      },
    },
    context,
  )
  return compiler.compile(matcher, path)
}

export function compileRouteTree(
  matcher: MatcherJson,
  scope: VirtualHostScope,
  path: ConfigPath,
): { readonly selector: RouteSelector; readonly routes: readonly CompiledRoute[] } {
  const routes: CompiledRoute[] = []
  const tree = walk(matcher, scope.context, path, placed => {
    const first = routes.length
    for (const { json, path: at } of placed) {
      const route = compileRoute(json, scope, at)
      if (route !== undefined) routes.push(route)
    }
    const matchers = routes.slice(first).map(route => route.matcher)
    return { index: new RouteIndex(matchers, scope.ignorePathParameters), first }
  })
  return { selector: new RouteTree(tree), routes }
}

/** The routes of a tree that has been compiled, by their index. */
export function routesOfTree(matcher: MatcherJson, context: CompileContext, path: ConfigPath): readonly PlacedRoute[] {
  const routes: PlacedRoute[] = []
  walk(matcher, context, path, placed => {
    routes.push(...placed)
    return true
  })
  return routes
}
