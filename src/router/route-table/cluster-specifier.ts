// HOT FILE (docs/hot-path.md): cluster specifier plugins: a matcher tree names the cluster of a request when its route is found.

import type { ClusterSpecifierPluginJson, RouteActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type {
  ClusterActionJson,
  MatcherClusterSpecifierJson,
} from '#api/envoy/extensions/router/cluster_specifiers/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, nearestName, typeName } from '../../config/index.ts'
import {
  CLUSTER_SPECIFIER_CATEGORY,
  type ClusterSpecifier,
  CONNECTION_INPUTS,
  connectionInput,
  type HeaderMap,
  REQUEST_INPUTS,
  requestInput,
} from '../../http/index.ts'
import { type MatcherTree, type MatchInput, TreeCompiler } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { NamedChoice } from './named-choice.ts'
import { type ClusterChoice, RouteEntry, type RouteEntryFields } from './route-entry.ts'
import { LateClusterChoice, type RouteChoice } from './weighted-clusters.ts'

const API = 'envoy.extensions.router.cluster_specifiers.matcher.v3'
const MATCHER = `${API}.MatcherClusterSpecifier`
const ACTION = `${API}.ClusterAction`
declareSupport('envoy.config.route.v3.ClusterSpecifierPlugin', {
  supported: ['extension'],
  accepted: { is_optional: 'a plugin that is not offered is refused, whatever it says' },
})
declareSupport(MATCHER, { supported: ['cluster_matcher'] })
declareSupport(ACTION, { supported: ['cluster'] })

interface Subject {
  headers: HeaderMap
  info: StreamInfo
}

export interface PlacedPlugin {
  readonly json: ClusterSpecifierPluginJson
  readonly path: ConfigPath
}

/** cluster_specifier_plugins of a route configuration, by name. */
export function namedPlugins(
  plugins: readonly ClusterSpecifierPluginJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): ReadonlyMap<string, PlacedPlugin> {
  const named = new Map<string, PlacedPlugin>()
  plugins?.forEach((json, i) => {
    const name = json.extension?.name ?? ''
    const at = path.index(i)
    if (named.has(name)) context.diagnostics.error(at.field('extension').field('name'), `two plugins are named ${name}`)
    named.set(name, { json, path: at })
  })
  return named
}

/** The plugin of a route; undefined: it has none. */
export function pluginOf(
  action: RouteActionJson,
  named: ReadonlyMap<string, PlacedPlugin>,
  context: CompileContext,
  path: ConfigPath,
): PlacedPlugin | undefined {
  const { clusterSpecifierPlugin: name, inlineClusterSpecifierPlugin: inline } = action
  if (inline !== undefined) return { json: inline, path: path.field('inline_cluster_specifier_plugin') }
  if (name === undefined) return undefined
  const plugin = named.get(name)
  if (plugin !== undefined) return plugin
  const suggestion = nearestName(name, named.keys())
  context.diagnostics.error(
    path.field('cluster_specifier_plugin'),
    `no plugin of cluster_specifier_plugins is named '${name}'`,
    {
      ...(suggestion === undefined ? {} : { suggestion }),
    },
  )
  return undefined
}

class MatchedChoice implements RouteChoice, ClusterChoice {
  readonly entries: readonly RouteEntry[]
  private readonly tree: MatcherTree<Subject, RouteEntry>
  private readonly nothing: RouteEntry
  /** Looked at while a tree is asked, and then no more. */
  private readonly subject: { headers: HeaderMap | null; info: StreamInfo | null } = { headers: null, info: null }

  constructor(tree: MatcherTree<Subject, RouteEntry>, entries: readonly RouteEntry[], nothing: RouteEntry) {
    this.tree = tree
    this.entries = [...entries, nothing]
    this.nothing = nothing
  }

  choose(headers: HeaderMap, info: StreamInfo): RouteEntry {
    const { subject } = this
    subject.headers = headers
    subject.info = info
    const entry = this.tree.find(subject as Subject) ?? this.nothing
    subject.headers = null
    subject.info = null
    return entry
  }

  chooseAgain(headers: HeaderMap, info: StreamInfo): RouteEntry {
    return this.choose(headers, info)
  }

  /** No draw: which one it is depends on the request. */
  weightOf(): number {
    return 1
  }
}

function subjectInput(type: string, config: object): MatchInput<Subject> | undefined {
  const ofRequest = requestInput(type, config)
  if (ofRequest !== undefined) return ofRequest
  const ofConnection = connectionInput(type, config)
  return ofConnection === undefined ? undefined : ({ info }) => ofConnection(info)
}

/** `base`: the route without its cluster. Undefined after a diagnostic. */
export function compileSpecifier(
  { json, path }: PlacedPlugin,
  base: RouteEntryFields,
  context: CompileContext,
): RouteChoice | undefined {
  const config = (json.extension?.typedConfig ?? {}) as MatcherClusterSpecifierJson & { '@type'?: string }
  const at = path.field('extension').field('typed_config')
  const type = typeName(config)
  if (type !== MATCHER) {
    const factory = context.extensions
      .factories(CLUSTER_SPECIFIER_CATEGORY)
      .find(({ typeNames }) => typeNames.includes(type))
    const specifier = factory?.compile(config, context, at) as ClusterSpecifier | undefined
    if (factory === undefined) context.diagnostics.error(at, `${type} names no clusters`, { expected: MATCHER })
    return specifier === undefined ? undefined : new NamedChoice(specifier, base)
  }
  const entries = new Map<string, RouteEntry>()
  const again = new LateClusterChoice()
  const fields = { ...base, choice: again }
  const action = ({ typedConfig }: { readonly typedConfig?: unknown }, where: ConfigPath): RouteEntry | undefined => {
    const found = (typedConfig ?? {}) as ClusterActionJson & { '@type'?: string }
    if (typeName(found) !== ACTION) {
      context.diagnostics.error(where.field('typed_config'), `${typeName(found)} names no cluster`, {
        expected: ACTION,
      })
      return undefined
    }
    const clusterName = found.cluster ?? ''
    const entry = entries.get(clusterName) ?? new RouteEntry({ ...fields, clusterName })
    entries.set(clusterName, entry)
    return entry
  }
  const parts = { input: subjectInput, inputNames: [...REQUEST_INPUTS, ...CONNECTION_INPUTS], action }
  const tree = new TreeCompiler<Subject, RouteEntry>(parts, context).compile(
    config.clusterMatcher ?? {},
    at.field('cluster_matcher'),
  )
  const choice = new MatchedChoice(tree, [...entries.values()], new RouteEntry({ ...fields, clusterName: '' }))
  again.choice = choice
  return choice
}
