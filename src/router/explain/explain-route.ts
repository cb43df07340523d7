// Which route a request takes and what becomes of it there, by the very table and code of live traffic.
import type {
  WeightedCluster_ClusterWeightJson as ClusterWeightJson,
  RouteJson,
  VirtualHostJson,
} from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import { type CompileContext, type ConfigPath, nearestName } from '../../config/index.ts'
import * as http from '../../http/index.ts'
import { type HeadChange, headChanges, headFields, RETRY_ON, type Route } from '../../http/index.ts'
import { DEFAULT_BASE_MS } from '../retry-state.ts'
import { routeBody } from '../route-answer.ts'
import type { CompiledRouteTable } from '../route-table/index.ts'
import type { RouteEntry } from '../route-table/route-entry.ts'
import { type PlacedRoute, routesOfTree } from '../route-table/route-tree.ts'
import type { VirtualHost } from '../route-table/virtual-host.ts'
import { requestTimeouts, setExpectedTimeout, setGrpcTimeout } from '../timeouts.ts'
import { type HeaderLevel, headerLevels } from './header-levels.ts'
import { type NearMiss, nearMisses } from './near-misses.ts'
import type { RequestFacts } from './predicates.ts'

const SHOWN_MISSES = 3

export interface ExplainedCluster {
  /** Of a cluster_header: the header's value. */
  readonly name: string
  /** 0 to 1. */
  readonly share: number
  /** The one this very request is sent to. */
  readonly chosen: boolean
}

export interface ExplainedAction {
  readonly clusters: readonly ExplainedCluster[]
  /** Where the name of the cluster is read; '' when the configuration has it. */
  readonly clusterHeader: string
  /** 0: none, -1: the connection manager's. */
  readonly timeoutMs: number
  readonly perTryTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxStreamDurationMs: number
  readonly retries: { readonly on: readonly string[]; readonly count: number; readonly backOffMs: number } | null
  readonly hashed: boolean
  readonly mirrors: readonly string[]
  /** The host becomes that of the endpoint which is chosen. */
  readonly autoHostRewrite: boolean
  /** From what the client sent, as prepared by the connection manager, to what goes upstream. */
  readonly changes: readonly HeadChange[]
}

export interface ExplainedFilter {
  /** As the connection manager's chain calls it. */
  readonly name: string
  /** The levels that configure it, the most specific first. */
  readonly levels: readonly string[]
  /** Of the most specific level; null: none has any. */
  readonly config: object | null
}

export interface RouteOutcome {
  readonly routeConfiguration: string
  /** null: no domain fits; `nearestDomain` may have been meant. */
  readonly virtualHost: string | null
  readonly nearestDomain: string | null
  /** null: no route of the virtual host matches. */
  readonly route: { readonly index: number; readonly name: string; readonly at: string; readonly match: object } | null
  readonly kind: 'cluster' | 'redirect' | 'direct_response' | 'none'
  readonly answer: { readonly status: number; readonly location: string; readonly body: string } | null
  readonly action: ExplainedAction | null
  readonly headers: readonly HeaderLevel[]
  readonly filters: readonly ExplainedFilter[]
  /** Routes before the one that matches, or, for a miss, of all of them: the nearest, and why not. */
  readonly nearest: readonly NearMiss[]
}

export interface RouteQuestion extends RequestFacts {
  readonly table: CompiledRouteTable
  /** What `table` was compiled from, and where that stands. */
  readonly config: RouteConfigurationJson
  readonly path: ConfigPath
  readonly context: CompileContext
  /** Of the router filter. */
  readonly suppressEnvoyHeaders: boolean
}

/** The route is for the filters of a connection manager to ask about. `headers` become those of the upstream request. */
export function explainRoute(question: RouteQuestion): {
  readonly outcome: RouteOutcome
  readonly route: Route | null
} {
  const { table, config, headers, info, random, path, context } = question
  const host = table.virtualHost(headers)
  const hosts = config.virtualHosts ?? []
  if (host === null) {
    const domains = hosts.flatMap(({ domains: list = [] }) => list)
    return {
      outcome: { ...nothing(config), nearestDomain: nearestName(headers.authority, domains) ?? null },
      route: null,
    }
  }
  const at = hosts.findIndex(({ name = '' }) => name === host.name)
  const json = hosts[at] as VirtualHostJson
  const routes = placedRoutes(json, context, path.field('virtual_hosts').index(at))
  const ignoreParameters = config.ignorePathParametersInPathMatching === true
  const found = { ...nothing(config), virtualHost: host.name }
  if (host.lacksTls(headers)) {
    const route = host.route(headers, info, random) as Route
    return { outcome: { ...found, kind: 'redirect', answer: answerOf(route, question) }, route }
  }
  const index = host.find(headers, info, random)
  const before = index < 0 ? routes : routes.slice(0, index)
  const nearest = nearMisses(
    before.map(placed => placed.json),
    ignoreParameters,
    question,
    context,
    SHOWN_MISSES,
  )
  if (index < 0) return { outcome: { ...found, nearest }, route: null }
  const route = host.route(headers, info, random) as Route
  const { json: chosen, path: place } = routes[index] as PlacedRoute
  const weight = chosenWeight(chosen, host, index, route)
  const outcome: RouteOutcome = {
    ...found,
    route: {
      index,
      name: chosen.name ?? '',
      at: String(place),
      match: chosen.match ?? {},
    },
    kind: route.kind,
    headers: headerLevels(weight, chosen, json, config),
    filters: filtersOf(weight, chosen, json, config),
    // Where the path alone decides, routes that come before say nothing.
    nearest: index < 0 ? nearest : nearest.filter(({ passed }) => passed > 0),
    answer: route.kind === 'cluster' ? null : answerOf(route, question),
    action: route.kind === 'cluster' ? explainAction(question, route, host, index) : null,
  }
  return { outcome, route }
}

function placedRoutes(host: VirtualHostJson, context: CompileContext, path: ConfigPath): readonly PlacedRoute[] {
  if (host.matcher !== undefined) return routesOfTree(host.matcher, context, path.field('matcher'))
  return (host.routes ?? []).map((json, i) => ({ json, path: path.field('routes').index(i) }))
}

function nothing(config: RouteConfigurationJson): RouteOutcome {
  return {
    routeConfiguration: config.name ?? '',
    virtualHost: null,
    nearestDomain: null,
    route: null,
    kind: 'none',
    answer: null,
    action: null,
    headers: [],
    filters: [],
    nearest: [],
  }
}

function answerOf(route: Route, { headers, info }: RequestFacts): RouteOutcome['answer'] {
  return { ...route.redirect(headers, info), body: routeBody(route.directResponse, headers, info) }
}

/** The weighted cluster that was drawn; undefined: the route has one cluster. */
function chosenWeight(json: RouteJson, host: VirtualHost, index: number, route: Route): ClusterWeightJson | undefined {
  const { entries } = host.choiceAt(index)
  return json.route?.weightedClusters?.clusters?.[entries.indexOf(route as RouteEntry)]
}

function explainAction(
  { headers, info, suppressEnvoyHeaders }: RouteQuestion,
  route: Route,
  host: VirtualHost,
  index: number,
): ExplainedAction {
  const choice = host.choiceAt(index)
  const { entries } = choice
  const weights = entries.map((_, i) => choice.weightOf(i))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const clusters = entries.map((entry, i) => ({
    name: entry.clusterName ?? (entry.clusterHeader === null ? '' : (headers.get(entry.clusterHeader) ?? '')),
    // Where every weight is 0, the first takes all.
    share: total === 0 ? Number(i === 0) : (weights[i] as number) / total,
    chosen: entry === route,
  }))
  const before = headFields(headers)
  const timeouts = requestTimeouts(route, headers, false)
  const expectedMs = timeouts.expectedMs(0)
  if (!suppressEnvoyHeaders) setExpectedTimeout(headers, expectedMs)
  if (route.maxGrpcTimeoutMs >= 0) setGrpcTimeout(route, headers, expectedMs)
  if (route.virtualHost.includeRequestAttemptCount) headers.set(http.X_ENVOY_ATTEMPT_COUNT, '1')
  if (route.hasRequestMutations) route.finalizeRequest(headers, info, suppressEnvoyHeaders)
  const { retryPolicy: retry } = route
  return {
    clusters,
    clusterHeader: route.clusterHeader?.text ?? '',
    timeoutMs: timeouts.globalMs,
    perTryTimeoutMs: timeouts.perTryMs,
    idleTimeoutMs: route.idleTimeoutMs,
    maxStreamDurationMs: route.maxStreamDurationMs,
    retries:
      retry === null
        ? null
        : {
            on: Object.keys(RETRY_ON).filter(word => (retry.retryOn & (RETRY_ON[word] as number)) !== 0),
            count: retry.numRetries,
            backOffMs: retry.baseIntervalMs > 0 ? retry.baseIntervalMs : DEFAULT_BASE_MS,
          },
    hashed: route.hashPolicy !== null,
    mirrors: route.shadowPolicies.map(({ clusterName, clusterHeader }) => clusterHeader?.text ?? clusterName),
    autoHostRewrite: route.autoHostRewrite,
    changes: headChanges(before, headFields(headers)),
  }
}

type Configs = Readonly<Record<string, object>>

function filtersOf(
  weight: ClusterWeightJson | undefined,
  route: RouteJson,
  host: VirtualHostJson,
  table: RouteConfigurationJson,
): readonly ExplainedFilter[] {
  const levels: readonly (readonly [string, Configs])[] = [
    ['weighted_cluster', (weight?.typedPerFilterConfig ?? {}) as Configs],
    ['route', (route.typedPerFilterConfig ?? {}) as Configs],
    ['virtual_host', (host.typedPerFilterConfig ?? {}) as Configs],
    ['route_configuration', (table.typedPerFilterConfig ?? {}) as Configs],
  ]
  const names = new Set(levels.flatMap(([, configs]) => Object.keys(configs)))
  return [...names].map(name => {
    const own = levels.filter(([, configs]) => Object.hasOwn(configs, name))
    return { name, levels: own.map(([level]) => level), config: own[0]?.[1][name] ?? null }
  })
}
