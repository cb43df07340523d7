import { isDeepStrictEqual } from 'node:util'
import type { ThreadContext, UpstreamTransportSocketFactory } from '../net/index.ts'
import type { ClusterPlan, TransportSocketMatchPlan } from './cluster-plan.ts'
import { clusterStatPrefix } from './stats.ts'

export const MATCH_METADATA = 'envoy.transport_socket_match'

type Metadata = Readonly<Record<string, object>> | null

/** The first match whose every criterion stands in an endpoint's metadata; undefined: none, so the cluster's own counts. */
export function matchTransportSocket(
  matches: readonly TransportSocketMatchPlan[],
  metadata: Metadata,
): TransportSocketMatchPlan | undefined {
  const given = (metadata?.[MATCH_METADATA] ?? {}) as Readonly<Record<string, unknown>>
  return matches.find(({ criteria }) =>
    Object.entries(criteria).every(([key, value]) => isDeepStrictEqual(given[key], value)),
  )
}

/** The transport sockets of one cluster on one thread, made once. */
export class ClusterTransports {
  /** Connections differ by what a request asks for. */
  readonly perRequest: boolean
  /** Some transport tells hosts whose connection it is. */
  readonly proxyProtocol: boolean
  private readonly plan: ClusterPlan
  private readonly own: UpstreamTransportSocketFactory | null
  private readonly matched: ReadonlyMap<TransportSocketMatchPlan, UpstreamTransportSocketFactory | null>

  constructor(plan: ClusterPlan, thread: ThreadContext) {
    const prefix = clusterStatPrefix(plan.observabilityName)
    this.plan = plan
    const all = [plan.transportSocket, ...plan.transportSocketMatches.map(match => match.transportSocket)]
    const { autoSni, autoSanValidation } = plan.serverNames
    this.proxyProtocol = all.some(transport => transport?.proxyProtocol === true)
    this.perRequest =
      this.proxyProtocol || ((autoSni || autoSanValidation) && all.some(transport => transport !== null))
    this.own = plan.transportSocket?.create(thread, prefix) ?? null
    this.matched = new Map(
      plan.transportSocketMatches.map(match => [match, match.transportSocket?.create(thread, prefix) ?? null]),
    )
  }

  /** Null: plain bytes. */
  of(metadata: Metadata): UpstreamTransportSocketFactory | null {
    const { transportSocketMatches: matches } = this.plan
    if (matches.length === 0) return this.own
    const match = matchTransportSocket(matches, metadata)
    return match === undefined ? this.own : this.matched.get(match)!
  }

  /** Whether the connection to a host is encrypted. */
  encrypts(metadata: Metadata): boolean {
    const { transportSocketMatches: matches, transportSocket } = this.plan
    const match = matches.length === 0 ? undefined : matchTransportSocket(matches, metadata)
    return (match === undefined ? transportSocket : match.transportSocket)?.secure === true
  }
}
