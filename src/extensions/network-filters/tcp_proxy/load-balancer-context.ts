import { xxHash64 } from '../../../base/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'
import { LoadBalancerContext } from '../../../upstream/index.ts'
import type { TcpHashPolicy } from './tcp-proxy-plan.ts'

/** What a TCP connection tells the balancer. */
export class TcpLoadBalancerContext extends LoadBalancerContext {
  private readonly match: object | null
  private readonly policy: TcpHashPolicy | null
  private readonly info: StreamInfo

  constructor(metadataMatch: object | null, policy: TcpHashPolicy | null, info: StreamInfo) {
    super()
    this.match = metadataMatch
    this.policy = policy
    this.info = info
  }

  override get metadataMatch(): object | null {
    return this.match
  }

  /** The name that TLS was asked for. */
  override get dynamicHost(): string | null {
    const host = this.info.filterState?.get('envoy.upstream.dynamic_host')
    return typeof host === 'string' ? host : this.info.connection.requestedServerName
  }

  override get dynamicPort(): number | null {
    const port = Number(this.info.filterState?.get('envoy.upstream.dynamic_port') ?? Number.NaN)
    return Number.isInteger(port) && port > 0 ? port : null
  }

  /** null: the balancer picks as it likes. */
  override get hash(): bigint | null {
    if (this.policy === null) return null
    const { filterStateKey } = this.policy
    if (filterStateKey === null) return xxHash64(ipOf(this.info.connection.remoteAddress))
    const value = this.info.filterState?.get(filterStateKey)
    return value === undefined ? null : xxHash64(String(value))
  }
}

/** 'ip:port' and '[ip]:port' without the port: the clients of one address share a host. */
function ipOf(address: string): string {
  const colon = address.lastIndexOf(':')
  if (colon < 0) return address
  return address[0] === '[' ? address.slice(1, colon - 1) : address.slice(0, colon)
}
