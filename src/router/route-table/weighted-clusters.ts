// RouteAction.weighted_clusters: one route entry per cluster, drawn by the stream's own number or by a header.
import type {
  WeightedCluster_ClusterWeightJson as ClusterWeightJson,
  WeightedClusterJson,
} from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type ConfigPath, declareSupport } from '../../config/index.ts'
import { compileMutationLevel, type HashPolicyPlan, type HeaderMap, HeaderName, type Route } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { clusterHeaderName } from './cluster-check.ts'
import { lbMetadata, mergeLbMetadata } from './metadata.ts'
import { compilePerFilterConfigs } from './per-filter-config.ts'
import { type ClusterChoice, RouteEntry, type RouteEntryFields } from './route-entry.ts'
import type { VirtualHostScope } from './virtual-host-scope.ts'

declareSupport('envoy.config.route.v3.WeightedCluster', {
  supported: ['clusters', 'total_weight', 'runtime_key_prefix', 'header_name', 'use_hash_policy'],
})
declareSupport('envoy.config.route.v3.WeightedCluster.ClusterWeight', {
  supported: [
    'name',
    'cluster_header',
    'weight',
    'metadata_match',
    'request_headers_to_add',
    'request_headers_to_remove',
    'response_headers_to_add',
    'response_headers_to_remove',
    'typed_per_filter_config',
    'host_rewrite_literal',
  ],
})

const MAX_TOTAL = 0xffffffff
const UNSIGNED = /^[0-9]{1,20}$/
/** The one who picks the host sets the cookie. */
const noCookie = (): void => {}

/** What a route index answers with: a route, or a draw among routes. */
export interface RouteChoice {
  choose(headers: HeaderMap, info: StreamInfo, random: number): RouteEntry
  readonly entries: readonly RouteEntry[]
  /** Of `entries`, as it is now: runtime may change it. */
  weightOf(index: number): number
}

/** Entries come before what chooses among them. */
export class LateClusterChoice implements ClusterChoice {
  choice: ClusterChoice | null = null

  chooseAgain(headers: HeaderMap, info: StreamInfo, random: number, tried: Route[]): Route {
    return (this.choice as ClusterChoice).chooseAgain(headers, info, random, tried)
  }
}

class WeightedChoice implements RouteChoice, ClusterChoice {
  readonly entries: readonly RouteEntry[]
  readonly weightOf: (index: number) => number
  private readonly header: HeaderName | null
  /** The request's hash is drawn with; null: it is not. */
  private readonly hashPolicy: HashPolicyPlan | null

  constructor(
    entries: readonly RouteEntry[],
    weightOf: (index: number) => number,
    header: HeaderName | null,
    hashPolicy: HashPolicyPlan | null,
  ) {
    this.entries = entries
    this.weightOf = weightOf
    this.header = header
    this.hashPolicy = hashPolicy
  }

  choose(headers: HeaderMap, info: StreamInfo, random: number): RouteEntry {
    const { entries } = this
    let total = 0
    for (let i = 0; i < entries.length; i++) total += this.weightOf(i)
    // Runtime may have turned every weight to 0: then the first cluster takes all.
    let left = total === 0 ? 0 : this.draw(headers, info, random, total)
    for (let i = 0; i < entries.length; i++) {
      left -= this.weightOf(i)
      if (left < 0) return entries[i]!
    }
    return entries[0]!
  }

  chooseAgain(_headers: HeaderMap, _info: StreamInfo, random: number, tried: Route[]): Route {
    const last = tried[tried.length - 1] as Route
    let total = this.untried(tried)
    if (total === 0) {
      tried.splice(0, tried.length - 1)
      total = this.untried(tried)
    }
    if (total === 0) return last
    let left = random % total
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i] as RouteEntry
      if (tried.includes(entry)) continue
      left -= this.weightOf(i)
      if (left < 0) return entry
    }
    return last
  }

  private untried(tried: readonly Route[]): number {
    let total = 0
    for (let i = 0; i < this.entries.length; i++) if (!tried.includes(this.entries[i]!)) total += this.weightOf(i)
    return total
  }

  private draw(headers: HeaderMap, info: StreamInfo, random: number, total: number): number {
    if (this.hashPolicy !== null) {
      const hash = this.hashPolicy.hash(headers, info, noCookie)
      if (hash !== null) return Number(hash % BigInt(total))
    }
    const value = this.header === null ? undefined : headers.get(this.header)
    // A 64-bit number does not fit a double.
    if (value !== undefined && UNSIGNED.test(value)) return Number(BigInt(value) % BigInt(total))
    return random % total
  }
}

/** `base`: the route without its cluster. Undefined after a diagnostic. */
export function compileWeightedClusters(
  weighted: WeightedClusterJson,
  base: RouteEntryFields,
  scope: VirtualHostScope,
  path: ConfigPath,
): RouteChoice | undefined {
  const { context } = scope
  const clusters = weighted.clusters ?? []
  const total = clusters.reduce((sum, cluster) => sum + (cluster.weight ?? 0), 0)
  if (total === 0 || total > MAX_TOTAL) {
    context.diagnostics.error(path.field('clusters'), `the weights add up to ${total}`, {
      expected: `a sum from 1 to ${MAX_TOTAL}`,
    })
    return undefined
  }
  const again = new LateClusterChoice()
  const entries = clusters.map((cluster, i) =>
    compileCluster(cluster, { ...base, choice: again }, scope, path.field('clusters').index(i)),
  )
  const prefix = weighted.runtimeKeyPrefix ?? ''
  const weightOf =
    prefix === ''
      ? (index: number) => clusters[index]!.weight ?? 0
      : (index: number) => {
          const { name = '', weight = 0 } = clusters[index]!
          return context.runtime.getNumber(`${prefix}.${name}`, weight)
        }
  const header = weighted.headerName
  const hashPolicy = weighted.useHashPolicy === true ? base.hashPolicy : null
  const name = header === undefined || header === '' ? null : HeaderName.of(header)
  const choice = new WeightedChoice(entries, weightOf, name, hashPolicy)
  again.choice = choice
  return choice
}

function compileCluster(
  cluster: ClusterWeightJson,
  base: RouteEntryFields,
  scope: VirtualHostScope,
  path: ConfigPath,
): RouteEntry {
  const { context } = scope
  const { name = '', clusterHeader = '' } = cluster
  if ((name === '') === (clusterHeader === '')) {
    context.diagnostics.error(path, 'a weighted cluster needs one way to find its cluster', {
      expected: 'either name or cluster_header',
    })
  } else if (name !== '') scope.clusters.check(name, path.field('name'))
  const mutations = compileMutationLevel(cluster, context, path)
  return new RouteEntry({
    ...base,
    clusterName: name === '' ? null : name,
    clusterHeader: clusterHeaderName(clusterHeader),
    metadataMatch: mergeLbMetadata(base.metadataMatch, lbMetadata(cluster.metadataMatch)),
    filterConfigs: compilePerFilterConfigs(cluster.typedPerFilterConfig, base.filterConfigs, context, path),
    clusterMutations: mutations.request.isEmpty ? null : mutations.request,
    clusterHost: toWireText(cluster.hostRewriteLiteral ?? ''),
    responseMutations: mutations.response.isEmpty
      ? base.responseMutations
      : [mutations.response, ...base.responseMutations],
  })
}
