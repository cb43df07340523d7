import type { HeaderMap, Route } from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { ClusterManager } from '../upstream/index.ts'
import { ShadowRequest } from './shadow-request.ts'

/** The copies of one request, sent as its own bytes are. */
export class Shadows {
  private readonly requests: ShadowRequest[] = []

  /** Starts the copies that the route asks for; null: none. */
  static start(
    route: Route,
    clusters: ClusterManager,
    thread: ThreadContext,
    info: StreamInfo,
    headers: HeaderMap,
    endStream: boolean,
    random: number,
    timeoutMs: number,
  ): Shadows | null {
    const shadows = new Shadows()
    for (const policy of route.shadowPolicies) {
      if (!policy.sampled(random)) continue
      const name = policy.clusterHeader === null ? policy.clusterName : headers.get(policy.clusterHeader)
      const cluster = name === undefined ? undefined : clusters.get(name)
      if (cluster === undefined) continue
      const request = ShadowRequest.start(policy, thread, cluster, info, headers, endStream, timeoutMs)
      if (request !== null && !endStream) shadows.requests.push(request)
    }
    return shadows.requests.length === 0 ? null : shadows
  }

  sendData(data: Buffer, start: number, end: number, endStream: boolean): void {
    for (const request of this.requests) request.sendData(data, start, end, endStream)
  }

  sendTrailers(trailers: HeaderMap): void {
    for (const request of this.requests) request.sendTrailers(trailers)
  }

  /** The original ends before it was complete. */
  cancel(): void {
    for (const request of this.requests) request.cancel()
  }
}
