import type { HeaderMap, Route } from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { Host, LoadBalancerContext } from '../upstream/index.ts'

/** What a request tells the balancer: its hash, the subset it wants, and which hosts it has already tried. */
export class RouterLoadBalancerContext implements LoadBalancerContext {
  readonly metadataMatch: object | null
  readonly hostSelectionAttempts: number
  private readonly route: Route
  private readonly headers: HeaderMap
  private readonly info: StreamInfo
  private hashKnown = false
  private cachedHash: bigint | null = null
  private readonly tried: Host[] = []
  /** `set-cookie` value that a hash policy wants in the response. */
  cookie: string | null = null

  constructor(route: Route, headers: HeaderMap, info: StreamInfo) {
    this.route = route
    this.headers = headers
    this.info = info
    this.metadataMatch = route.metadataMatch
    this.hostSelectionAttempts =
      route.retryPolicy?.previousHosts === true ? route.retryPolicy.hostSelectionRetryMaxAttempts : 0
  }

  get hash(): bigint | null {
    if (!this.hashKnown) {
      this.hashKnown = true
      this.cachedHash =
        this.route.hashPolicy?.hash(this.headers, this.info, value => {
          this.cookie = value
        }) ?? null
    }
    return this.cachedHash
  }

  onHostAttempted(host: Host): void {
    this.tried.push(host)
  }

  shouldSelectAnother(host: Host): boolean {
    return this.route.retryPolicy?.previousHosts === true && this.tried.includes(host)
  }
}
