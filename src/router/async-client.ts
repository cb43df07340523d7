// The router without a client in front of it: requests that filters make.
import { type HeaderMap, HttpStats, RateLimitPolicy, type Route, type VirtualHostPlan } from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { type Span, StatStore } from '../observability/index.ts'
import type {
  AsyncClient,
  AsyncStream,
  AsyncStreamCallbacks,
  AsyncStreamOptions,
  ClusterManager,
} from '../upstream/index.ts'
import { RouterAsyncStream } from './async-stream.ts'
import { clientTrace } from './client-span.ts'
import { bareRoute } from './route-table/bare-route.ts'
import { RouteEntry } from './route-table/route-entry.ts'
import type { RouterPlan } from './router-plan.ts'

/** What the router needs of its thread. */
export type AsyncThread = ThreadContext & { readonly clusters: ClusterManager }

const NO_HOST: VirtualHostPlan = {
  name: 'async',
  includeRequestAttemptCount: false,
  includeAttemptCountInResponse: false,
  includeIsTimeoutRetryHeader: false,
  virtualClusters: [],
  metadata: null,
  rateLimits: RateLimitPolicy.none,
}

const PLAN: RouterPlan = {
  suppressEnvoyHeaders: false,
  suppressGrpcCodeStats: false,
  strictHeaders: [],
  respectExpectedTimeout: false,
  startChildSpan: false,
}
/** Filters have few kinds of requests each. */
const MAX_ROUTES = 256

export class RouterAsyncClient implements AsyncClient {
  private readonly thread: AsyncThread
  private readonly routes = new Map<AsyncStreamOptions, Route>()
  /** The router counts what connection managers count; nobody reads it here: a cluster's own stats tell everything. */
  private readonly httpStats = new StatStore().block('http.async-client.', HttpStats.HCM_STATS)

  constructor(thread: AsyncThread) {
    this.thread = thread
  }

  start(
    options: AsyncStreamOptions,
    headers: HeaderMap,
    endStream: boolean,
    callbacks: AsyncStreamCallbacks,
    span: Span | null = null,
  ): AsyncStream {
    const stream = new RouterAsyncStream(this.thread, this.httpStats, this.routeOf(options), callbacks, PLAN)
    if (span !== null) stream.info.trace = clientTrace(span)
    stream.start(headers, endStream)
    return stream
  }

  /** Callers keep their options, so a route is made once for each. */
  private routeOf(options: AsyncStreamOptions): Route {
    let route = this.routes.get(options)
    if (route === undefined) {
      const { cluster, timeoutMs, retryPolicy } = options
      route = new RouteEntry({ ...bareRoute(NO_HOST), clusterName: cluster, timeoutMs, retryPolicy })
      if (this.routes.size >= MAX_ROUTES) this.routes.clear()
      this.routes.set(options, route)
    }
    return route
  }
}
