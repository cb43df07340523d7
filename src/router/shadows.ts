import type { HeaderMap, Route } from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { ClusterManager } from '../upstream/index.ts'
import { ShadowRequest } from './shadow-request.ts'
import type { RequestTimeouts } from './timeouts.ts'

/** A request that has copies. */
export interface MirroredRequest {
  readonly route: Route
  readonly clusters: ClusterManager
  readonly thread: ThreadContext
  readonly info: StreamInfo
  readonly callbacks: { readonly streamRandom: number }
  readonly timeouts: RequestTimeouts
}

/** The copies of one request, sent as its own bytes are. */
export class Shadows {
  private readonly requests: ShadowRequest[] = []

  /** Starts the copies that the route asks for; null: none. */
  static start(original: MirroredRequest, headers: HeaderMap, endStream: boolean): Shadows | null {
    const { route, clusters, thread, info, callbacks, timeouts } = original
    const shadows = new Shadows()
    const random = callbacks.streamRandom
    for (const policy of route.shadowPolicies) {
      if (!policy.sampled(random)) continue
      const name = policy.clusterHeader === null ? policy.clusterName : headers.get(policy.clusterHeader)
      const cluster = name === undefined ? undefined : clusters.get(name)
      if (cluster === undefined) continue
      const request = ShadowRequest.start(policy, thread, cluster, info, headers, endStream, timeouts.globalMs)
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
