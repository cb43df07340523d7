// What /explain/route needs to know; the server room gives it.

export interface RouteQuestion {
  readonly method: string
  /** 'http://host:port/path?query', or a path. Not normalised: that is for the proxy to do. */
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** '': those on the URL's port, or all. */
  readonly listener: string
  /** The client's IP address. */
  readonly client: string
  /** The number that weights and fractions draw from, 32 bits. */
  readonly random: number
}

export interface HeadChange {
  readonly name: string
  readonly before: string | null
  readonly after: string | null
}

export interface ExplainedPredicate {
  readonly at: string
  readonly wanted: object
  readonly found: string
}

export interface NearMiss {
  readonly index: number
  readonly name: string
  readonly passed: number
  readonly failed: ExplainedPredicate
}

export interface ExplainedRouteAction {
  readonly clusters: readonly { readonly name: string; readonly share: number; readonly chosen: boolean }[]
  readonly clusterHeader: string
  readonly timeoutMs: number
  readonly perTryTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxStreamDurationMs: number
  readonly retries: { readonly on: readonly string[]; readonly count: number; readonly backOffMs: number } | null
  readonly hashed: boolean
  readonly mirrors: readonly string[]
  readonly autoHostRewrite: boolean
  readonly changes: readonly HeadChange[]
}

export interface ExplainedRoute {
  readonly routeConfiguration: string
  readonly virtualHost: string | null
  readonly nearestDomain: string | null
  readonly route: { readonly index: number; readonly name: string; readonly at: string; readonly match: object } | null
  readonly kind: 'cluster' | 'redirect' | 'direct_response' | 'none'
  readonly answer: { readonly status: number; readonly location: string; readonly body: string } | null
  readonly action: ExplainedRouteAction | null
  readonly headers: readonly {
    readonly level: string
    readonly request: readonly string[]
    readonly response: readonly string[]
  }[]
  readonly filters: readonly {
    readonly name: string
    readonly levels: readonly string[]
    readonly config: object | null
  }[]
  readonly nearest: readonly NearMiss[]
}

/** One listener's view of a request. */
export interface RouteExplanation {
  readonly listener: string
  /** '' where it has no name. */
  readonly filterChain: string
  /** As it is routed. */
  readonly request: { readonly method: string; readonly authority: string; readonly path: string }
  /** What the connection manager changed before. */
  readonly prepared: readonly HeadChange[]
  /** What the client gets without routing, or because its upgrade is not allowed; null: the route decides. */
  readonly refusal: { readonly status: number; readonly details: string; readonly location: string } | null
  /** The filters in front of the router, in their order. */
  readonly chain: readonly { readonly name: string; readonly runs: boolean }[]
  /** null: nothing was routed. */
  readonly outcome: ExplainedRoute | null
}

/** `problem`: why there is no explanation. */
export type RouteExplanations = { readonly explanations: readonly RouteExplanation[] } | { readonly problem: string }
