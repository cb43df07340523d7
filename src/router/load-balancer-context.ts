import type { HeaderMap, HostPredicate, RetryPolicyPlan, Route } from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import {
  type ClusterPlan,
  type Host,
  type HostSet,
  LoadBalancerContext,
  loadAvoiding,
  type PriorityLoad,
} from '../upstream/index.ts'

/** What a cluster says in place of its routes. */
type ClusterPolicies = Pick<ClusterPlan, 'retryPolicy' | 'hashPolicy'>

const NO_PREDICATES: readonly HostPredicate[] = []

/** What a request tells the balancer: its hash, the subset it wants, and which hosts it has already tried. */
export class RouterLoadBalancerContext extends LoadBalancerContext {
  private route: Route
  private cluster: ClusterPolicies
  private readonly headers: HeaderMap
  private readonly info: StreamInfo
  private readonly retryPolicy: RetryPolicyPlan | null
  private readonly predicates: readonly HostPredicate[]
  private hashKnown = false
  private cachedHash: bigint | null = null
  private match: object | null | undefined
  private readonly tried: Host[] = []
  /** The load of a retry's priority plan, and for how many tries it was made. */
  private retryLoad: PriorityLoad | null = null
  private retryLoadFor = 0
  /** Tries before this one belong to an earlier round, in which every priority has had its turn. */
  private roundStart = 0
  /** `set-cookie` value that a hash policy wants in the response. */
  cookie: string | null = null

  constructor(route: Route, cluster: ClusterPolicies, headers: HeaderMap, info: StreamInfo) {
    super()
    this.route = route
    this.cluster = cluster
    this.retryPolicy = cluster.retryPolicy ?? route.retryPolicy
    this.headers = headers
    this.info = info
    this.predicates = this.retryPolicy?.hostPredicates ?? NO_PREDICATES
  }

  override get hash(): bigint | null {
    if (!this.hashKnown) {
      this.hashKnown = true
      this.cachedHash =
        (this.cluster.hashPolicy ?? this.route.hashPolicy)?.hash(this.headers, this.info, value => {
          this.cookie = value
        }) ?? null
    }
    return this.cachedHash
  }

  /** Filters may narrow the subset: the request's own envoy.lb metadata wins over the route's. */
  override get metadataMatch(): object | null {
    if (this.match === undefined) {
      const { metadataMatch } = this.route
      const own = this.info.dynamicMetadata?.get('envoy.lb')
      this.match = own === undefined ? metadataMatch : { ...metadataMatch, ...own }
    }
    return this.match
  }

  override get hostSelectionAttempts(): number {
    return this.predicates.length === 0 ? 0 : (this.retryPolicy?.hostSelectionRetryMaxAttempts ?? 0)
  }

  /** The request goes on to another cluster. */
  moveTo(route: Route, cluster: ClusterPolicies): void {
    this.route = route
    this.cluster = cluster
    this.hashKnown = false
    this.match = undefined
  }

  onHostAttempted(host: Host): void {
    this.tried.push(host)
  }

  override shouldSelectAnother(host: Host): boolean {
    // The predicates are those of retries.
    if (this.tried.length === 0) return false
    return this.predicates.some(rejects => rejects(host, this.tried))
  }

  /** envoy.retry_priorities.previous_priorities: after every `updateFrequency` tries, priorities tried are left out. */
  override priorityLoad(set: HostSet, load: PriorityLoad): PriorityLoad {
    const every = this.retryPolicy?.priorityUpdateFrequency ?? 0
    const count = this.tried.length - this.roundStart
    if (every === 0 || count < every) return load
    if (count % every === 0 && this.retryLoadFor !== this.tried.length) {
      this.retryLoadFor = this.tried.length
      this.retryLoad = this.loadForRetry(set, load)
    }
    return this.retryLoad ?? load
  }

  private loadForRetry(set: HostSet, load: PriorityLoad): PriorityLoad {
    const avoided = new Set<number>()
    set.priorities.forEach(({ hosts }, priority) => {
      if (this.tried.some((host, index) => index >= this.roundStart && hosts.includes(host))) avoided.add(priority)
    })
    const left = loadAvoiding(load, avoided)
    if (left !== null) return left
    this.roundStart = this.tried.length
    return load
  }

  override get overrideHost(): string | null {
    return this.info.upstreamOverrideHost
  }

  override get overrideHostStrict(): boolean {
    return this.info.upstreamOverrideHostStrict
  }

  override get dynamicHost(): string | null {
    const host = this.info.filterState?.get('envoy.upstream.dynamic_host')
    return typeof host === 'string' ? host : this.headers.authority
  }

  override get dynamicPort(): number | null {
    const port = Number(this.info.filterState?.get('envoy.upstream.dynamic_port') ?? Number.NaN)
    return Number.isInteger(port) && port > 0 ? port : null
  }

  override header(name: string): string | null {
    return this.headers.lookup(name) ?? null
  }

  override metadataValue(namespace: string, path: readonly string[]): unknown {
    let value: unknown = this.info.dynamicMetadata?.get(namespace)
    for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
    return value
  }
}
