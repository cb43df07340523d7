import {
  type Connection,
  type ConnectOptions,
  connect,
  type ProxyHeaderPlan,
  proxyHeader,
  type ThreadContext,
  type TransportSocketHost,
  type TransportSocketOverrides,
  type UpstreamTransportSocketFactory,
} from '../../../net/index.ts'

/** Sends a PROXY protocol header first, then lets the inner transport begin. */
export class UpstreamProxyProtocol implements UpstreamTransportSocketFactory {
  private readonly thread: ThreadContext
  private readonly header: ProxyHeaderPlan
  private readonly inner: UpstreamTransportSocketFactory | null

  constructor(thread: ThreadContext, header: ProxyHeaderPlan, inner: UpstreamTransportSocketFactory | null) {
    this.thread = thread
    this.header = header
    this.inner = inner
  }

  connect(host: TransportSocketHost, options: ConnectOptions, overrides: TransportSocketOverrides | null): Connection {
    const connection = connect(this.thread, host.address, options)
    connection.startTransport = connected => this.goUnder(connected, host, overrides)
    return connection
  }

  goUnder(connection: Connection, host: TransportSocketHost, overrides: TransportSocketOverrides | null): void {
    connection.socket.write(proxyHeader(this.header, overrides?.proxyProtocol ?? null))
    if (this.inner === null) connection.handleConnect()
    else this.inner.goUnder(connection, host, overrides)
  }
}
