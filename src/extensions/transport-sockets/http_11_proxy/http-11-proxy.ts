import {
  type Address,
  type Connection,
  type ConnectionReader,
  type ConnectOptions,
  connect,
  formatHostPort,
  type ThreadContext,
  type TransportSocketHost,
  type TransportSocketOverrides,
  type UpstreamTransportSocketFactory,
} from '../../../net/index.ts'

const LONGEST_ANSWER = 8192

/** Connects to a proxy, and through its tunnel to the host where the inner transport needs one. */
export class Http11Proxy implements UpstreamTransportSocketFactory {
  private readonly thread: ThreadContext
  private readonly proxy: Address
  private readonly inner: UpstreamTransportSocketFactory | null

  constructor(thread: ThreadContext, proxy: Address, inner: UpstreamTransportSocketFactory | null) {
    this.thread = thread
    this.proxy = proxy
    this.inner = inner
  }

  connect(host: TransportSocketHost, options: ConnectOptions, overrides: TransportSocketOverrides | null): Connection {
    const connection = connect(this.thread, this.proxy, options)
    if (this.inner !== null) connection.startTransport = connected => this.goUnder(connected, host, overrides)
    return connection
  }

  goUnder(connection: Connection, host: TransportSocketHost, overrides: TransportSocketOverrides | null): void {
    const { inner } = this
    if (inner === null) {
      connection.handleConnect()
      return
    }
    const target = targetOf(host)
    const { reader } = connection
    connection.reader = new ConnectAnswer(connection, reader, () => {
      connection.reader = reader
      inner.goUnder(connection, host, overrides)
    })
    connection.socket.write(Buffer.from(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`, 'latin1'))
  }
}

/** As Envoy: by name where the host has one. */
function targetOf({ hostname, address }: TransportSocketHost): string {
  return hostname === '' ? address.toString() : formatHostPort(hostname, address.port)
}

/** Waits for what the proxy says, in place of the connection's reader. */
class ConnectAnswer implements ConnectionReader {
  private readonly connection: Connection
  private readonly reader: ConnectionReader | null
  private readonly onTunnel: () => void
  private text = ''

  constructor(connection: Connection, reader: ConnectionReader | null, onTunnel: () => void) {
    this.connection = connection
    this.reader = reader
    this.onTunnel = onTunnel
  }

  onConnected(): void {}

  onData(data: Buffer, start: number, end: number): void {
    this.text += data.latin1Slice(start, end)
    const headEnd = this.text.indexOf('\r\n\r\n')
    if (headEnd < 0) {
      if (this.text.length > LONGEST_ANSWER) this.fail('the answer is too long')
      return
    }
    const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(this.text)?.[1]
    if (status !== '200') this.fail(status === undefined ? 'the answer is no HTTP' : `answered ${status}`)
    else if (headEnd + 4 < this.text.length) this.fail('bytes came before the tunnel stood')
    else this.onTunnel()
  }

  onEnd(): void {
    this.fail('ended the connection')
  }

  onClose(...close: Parameters<ConnectionReader['onClose']>): void {
    this.reader?.onClose(...close)
  }

  private fail(why: string): void {
    this.connection.transportFailureReason = `HTTP proxy: ${why}`
    this.connection.reader = this.reader
    this.connection.closeByPeer()
  }
}
