import { HeaderMap, type Route, type ShadowPolicyPlan } from '../http/index.ts'
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
  /** 0: no host was found. */
  readonly attempts: number
  /** It has been answered, or was given up. */
  readonly done: boolean
}

/** A copy as its original was before the attempt, which may rewrite the host. */
interface Prepared {
  readonly policy: ShadowPolicyPlan
  readonly headers: HeaderMap
}

/** The copies of one request, sent as its own bytes are. */
export class Shadows {
  private prepared: readonly Prepared[]
  private readonly requests: ShadowRequest[] = []

  private constructor(prepared: readonly Prepared[]) {
    this.prepared = prepared
  }

  /** Takes the copies that the route asks for; null: none. */
  static prepare({ route, callbacks }: MirroredRequest, headers: HeaderMap): Shadows | null {
    if (headers.method === 'CONNECT') return null
    const random = callbacks.streamRandom
    const sampled = route.shadowPolicies.filter(policy => policy.sampled(random))
    return sampled.length === 0 ? null : new Shadows(sampled.map(policy => ({ policy, headers: headers.clone() })))
  }

  /** Sends them, behind the original's head; none where it has found no host, or will not come to its end. */
  start(original: MirroredRequest, endStream: boolean): void {
    const { prepared } = this
    const sends = original.attempts > 0 && (endStream || !original.done)
    this.prepared = NONE
    for (const one of prepared) {
      const request = sends ? startOne(original, one, endStream) : null
      if (request === null) HeaderMap.release(one.headers)
      else if (!endStream) this.requests.push(request)
    }
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

const NONE: readonly Prepared[] = []

function startOne(original: MirroredRequest, { policy, headers }: Prepared, endStream: boolean): ShadowRequest | null {
  const { clusters, thread, info, timeouts } = original
  const name = policy.clusterHeader === null ? policy.clusterName : headers.get(policy.clusterHeader)
  const cluster = name === undefined ? undefined : clusters.get(name)
  if (cluster === undefined) return null
  return ShadowRequest.start(policy, thread, cluster, info, headers, endStream, timeouts.globalMs)
}
