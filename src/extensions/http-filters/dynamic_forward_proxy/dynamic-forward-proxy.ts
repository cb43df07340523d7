// HOT FILE (docs/hot-path.md): a request waits until the name it is for has an address.
import {
  FilterContinue,
  FilterStop,
  FilterStopAndWatermark,
  type HeaderMap,
  type HeaderName,
  HttpFilter,
  type HttpFilterStatus,
} from '../../../http/index.ts'
import { ResponseFlag } from '../../../observability/index.ts'
import {
  type Cluster,
  type DnsCacheNews,
  type DnsCachePlan,
  type DnsCacheWaiter,
  type HostAndPort,
  hostAndPort,
  Loading,
  PendingOverflow,
  type UpstreamThread,
} from '../../../upstream/index.ts'

export interface DynamicForwardProxyPlan {
  readonly cache: DnsCachePlan
  readonly savesUpstreamAddress: boolean
  readonly hostFromFilterState: boolean
}

/** Of a route. */
export interface HostRewrite {
  readonly literal: string
  readonly header: HeaderName | null
}

export class DynamicForwardProxy extends HttpFilter implements DnsCacheWaiter {
  private readonly plan: DynamicForwardProxyPlan
  private cluster: Cluster | null = null
  private target: HostAndPort | null = null
  private waits = false

  constructor(plan: DynamicForwardProxyPlan) {
    super()
    this.plan = plan
  }

  private get view() {
    return (this.callbacks.thread as UpstreamThread).clusters.dnsCaches.view(this.plan.cache.name)
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const cluster = this.routeCluster(headers)
    if (cluster === undefined || cluster.plan.balancer.kind !== 'dynamic_host') return FilterContinue
    this.cluster = cluster
    this.rewriteHost(headers)
    const name = this.hostOf(headers)
    if (name === '') {
      this.callbacks.sendLocalReply(400, 'Empty host header', 'empty_host_header')
      return FilterStop
    }
    const target = hostAndPort(name, this.portOf() ?? cluster.plan.balancer.defaultPort)
    this.target = target
    const found = this.view.load(target, this.plan.cache, this)
    if (found === Loading) {
      this.waits = true
      return FilterStopAndWatermark
    }
    if (found === PendingOverflow) {
      const body = 'Dynamic forward proxy pending request overflow'
      this.callbacks.sendLocalReply(503, body, 'dynamic_forward_proxy_pending_request_overflow')
      return FilterStop
    }
    return this.accept(found) ? FilterContinue : FilterStop
  }

  private routeCluster(headers: HeaderMap): Cluster | undefined {
    const { route, thread } = this.callbacks
    if (route === null || route.kind !== 'cluster') return undefined
    const name = route.clusterName ?? (route.clusterHeader === null ? undefined : headers.get(route.clusterHeader))
    return name === undefined ? undefined : (thread as UpstreamThread).clusters.get(name)
  }

  private rewriteHost(headers: HeaderMap): void {
    const rewrite = this.routePlan() as HostRewrite | null
    if (rewrite === null) return
    if (rewrite.literal !== '') headers.authority = rewrite.literal
    const value = rewrite.header === null ? undefined : headers.get(rewrite.header)
    if (value !== undefined) headers.authority = value
  }

  private hostOf(headers: HeaderMap): string {
    if (this.plan.hostFromFilterState) {
      const host = this.callbacks.info.filterState?.get('envoy.upstream.dynamic_host')
      if (typeof host === 'string' && host !== '') return host
    }
    return headers.authority ?? ''
  }

  private portOf(): number | null {
    if (!this.plan.hostFromFilterState) return null
    const port = Number(this.callbacks.info.filterState?.get('envoy.upstream.dynamic_port') ?? Number.NaN)
    return Number.isInteger(port) && port > 0 ? port : null
  }

  onDnsCacheLoaded(news: DnsCacheNews): void {
    this.waits = false
    if (this.accept(news)) this.callbacks.continueDecoding(this)
  }

  /** False: the request has been answered. */
  private accept({ state, details }: DnsCacheNews): boolean {
    const { callbacks } = this
    if (state === 'overflow') {
      callbacks.sendLocalReply(503, 'DNS cache overflow', 'dns_cache_overflow')
      return false
    }
    if (state !== 'ready') {
      callbacks.info.flags |= ResponseFlag.DnsResolutionFailed
      callbacks.sendLocalReply(503, 'DNS resolution failure', `dns_resolution_failure{${details}}`)
      return false
    }
    if (this.plan.savesUpstreamAddress) this.saveAddress()
    return true
  }

  private saveAddress(): void {
    const { info } = this.callbacks
    const { hosts } = this.cluster!.hostSet.priorities[0] ?? { hosts: [] }
    const host = hosts.find(({ hostname }) => hostname === this.target!.key)
    if (host === undefined) return
    info.filterState ??= new Map()
    info.filterState.set('envoy.stream.upstream_address', host.addressText)
  }

  override onDestroy(): void {
    if (this.waits) this.view.forget(this.target!.key, this)
    this.waits = false
  }
}
