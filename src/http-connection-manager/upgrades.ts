// Requests that ask for another protocol on their connection or stream: upgrades and CONNECT.
import { HttpStats as S } from '../http/index.ts'
import { ResponseFlag } from '../observability/index.ts'
import type { ActiveStream } from './active-stream.ts'
import type { ChainedFilter } from './plan.ts'
import { allowsUpgrade } from './prepare-request.ts'

const CONNECTION_FLAGS = ResponseFlag.UpstreamConnectionFailure | ResponseFlag.UpstreamConnectionTermination

/**
 * Whether an upgrade, or CONNECT, goes to the filters: it must be allowed by the connection manager or the route. As Envoy,
 * one without a route goes there too: it ends as any other request that has none.
 */
export function acceptUpgrade(stream: ActiveStream, type: string): boolean {
  const { route } = stream
  if (allowsUpgrade(stream.manager.plan, route, type)) {
    // It counts as an upgrade, whatever the origin says (Envoy).
    stream.upgradeAccepted = true
    stream.manager.cells[S.CX_UPGRADES_TOTAL]! += 1
    stream.manager.cells[S.CX_UPGRADES_ACTIVE]! += 1
    return true
  }
  return route === null
}

/** The filters see only the answer. What follows may be no HTTP, so the connection ends. */
export function refuseUpgrade(stream: ActiveStream): void {
  stream.manager.cells[S.RQ_WS_ON_NON_WS_ROUTE]! += 1
  stream.info.upstreamCluster = stream.route?.clusterName ?? null
  stream.manager.endAfterResponse()
  stream.sendLocalReply(403, '', 'upgrade_failed', null)
}

/** What an upgrade that is allowed goes through; null: what any request does. */
export function filtersOfUpgrade({ upgrade, manager }: ActiveStream): readonly ChainedFilter[] | null {
  return manager.plan.upgrades.find(({ type }) => type === upgrade)?.filters ?? null
}

/** A response has ended before its request. Behind a tunnel there is nothing any more: its client need not end it. */
export function endTunnel(stream: ActiveStream): void {
  if (!stream.manager.multiplexed || !isTunnel(stream)) return
  stream.manager.cells[S.RQ_RX_RESET]! += 1
  stream.encoder.resetStream(isCutTunnel(stream) ? 'connect_error' : 'no_error')
}

/** Asked for by CONNECT or an upgrade. */
function isTunnel({ upgrade, requestHeaders }: ActiveStream): boolean {
  return upgrade !== null || requestHeaders?.method === 'CONNECT'
}

/** RFC 9113, 8.5: what lies behind the tunnel is to blame. */
export function isCutTunnel(stream: ActiveStream): boolean {
  return (stream.info.flags & CONNECTION_FLAGS) !== 0 && isTunnel(stream)
}
