import {
  CloseNoFlush,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
} from '../../../net/index.ts'
import {
  type DnsCacheNews,
  type DnsCachePlan,
  type DnsCacheWaiter,
  type HostAndPort,
  hostAndPort,
  Loading,
  PendingOverflow,
  type UpstreamThread,
} from '../../../upstream/index.ts'

/** A connection waits until the name in its TLS hello has an address. */
export class SniDynamicForwardProxy implements NetworkFilter, DnsCacheWaiter {
  private readonly cache: DnsCachePlan
  private readonly port: number
  private callbacks!: NetworkFilterCallbacks
  private target: HostAndPort | null = null
  private waits = false

  constructor(cache: DnsCachePlan, port: number) {
    this.cache = cache
    this.port = port
  }

  initialize(callbacks: NetworkFilterCallbacks): void {
    this.callbacks = callbacks
  }

  private get view() {
    return (this.callbacks.thread as UpstreamThread).clusters.dnsCaches.view(this.cache.name)
  }

  onNewConnection(): FilterStatus {
    const { info } = this.callbacks
    const host = info.filterState?.get('envoy.upstream.dynamic_host') ?? info.connection.requestedServerName
    if (typeof host !== 'string' || host === '') return Continue
    info.filterState ??= new Map()
    const port = Number(info.filterState.get('envoy.upstream.dynamic_port') ?? this.port)
    info.filterState.set('envoy.upstream.dynamic_port', port)
    this.target = hostAndPort(host, port)
    const found = this.view.load(this.target, this.cache, this)
    if (found === Loading) {
      this.waits = true
      return StopIteration
    }
    if (found !== PendingOverflow && found.state !== 'overflow') return Continue
    return this.refuse()
  }

  private refuse(): FilterStatus {
    this.callbacks.connection.close(CloseNoFlush)
    return StopIteration
  }

  /** A name without an address is no host: tcp_proxy finds none. */
  onDnsCacheLoaded({ state }: DnsCacheNews): void {
    this.waits = false
    if (state === 'overflow') this.refuse()
    else this.callbacks.continueReading()
  }

  onData(): FilterStatus {
    return this.waits ? StopIteration : Continue
  }

  onClose(): void {
    if (this.waits) this.view.forget(this.target!.key, this)
    this.waits = false
  }
}
