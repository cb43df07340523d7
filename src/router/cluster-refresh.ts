// RetryPolicy.refresh_cluster_on_retry: the cluster of the next attempt is chosen anew.
import type { HeaderMap, Route } from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { Cluster } from '../upstream/index.ts'

/** A request that may move to another cluster. */
export interface MovableRequest {
  readonly thread: ThreadContext
  readonly info: StreamInfo
  readonly headers: HeaderMap | null
  readonly route: Route
  /** Undefined: there is none of the name that the route says. */
  findCluster(route: Route, headers: HeaderMap): Cluster | undefined
  moveTo(route: Route, cluster: Cluster | undefined): void
}

export class ClusterRefresh {
  private readonly request: MovableRequest
  private readonly triedRoutes: Route[] = []

  constructor(request: MovableRequest) {
    this.request = request
  }

  /** What has been done to the request's headers stays. Undefined: the cluster chosen is not there. */
  refresh(): Cluster | undefined {
    const { request, triedRoutes } = this
    const { info, thread } = request
    const headers = request.headers as HeaderMap
    triedRoutes.push(request.route)
    const route = request.route.refreshed(headers, info, Math.floor(thread.random() * 2 ** 32), triedRoutes)
    const cluster = request.findCluster(route, headers)
    info.upstreamCluster = null
    cluster?.nameIn(info)
    info.clusterMetadata = cluster?.plan.metadata ?? null
    request.moveTo(route, cluster)
    return cluster
  }
}
