// The contract of transport sockets (Envoy: envoy/network/transport_socket.h): what lies between the bytes of a socket and
// the bytes that filters and codecs see. Plain sockets have none of this: their factory is null.
import type { Address } from '../address.ts'
import type { ConnectOptions } from '../connect.ts'
import type { Connection } from '../connection.ts'
import type { ThreadContext } from '../thread.ts'
import type { AcceptedHandle } from './stream-handle.ts'

/** Category 'envoy.transport_sockets.downstream'; null stands for raw_buffer. */
export interface DownstreamTransportSocketPlan {
  /** Called once per listener and thread; `statPrefix` is 'listener.<address>.'. */
  create(thread: ThreadContext, statPrefix: string): DownstreamTransportSocketFactory
}

export interface DownstreamTransportSocketFactory {
  /** Takes over an accepted handle that nobody has read from. */
  accept(handle: AcceptedHandle): Connection
  /** Goes under a connection whose first bytes, `peeked`, were looked at already. */
  goUnder(connection: Connection, peeked: Buffer): void
}

/** What one request or connection wants of the transport, other than the cluster's configuration says. */
export interface TransportSocketOverrides {
  /** Offered by ALPN where the transport socket names no protocols itself, the preferred one first. */
  readonly alpn?: readonly string[] | undefined
  /** Offered by ALPN whatever the transport socket names. */
  readonly alpnOverride?: readonly string[] | undefined
  readonly sni?: string | undefined
  /** A DNS name, or an IP address, that the certificate of the host must carry. */
  readonly san?: string | undefined
  /** Of the downstream connection, 'ip:port' each: for the PROXY protocol. */
  readonly proxyProtocol?:
    | { readonly source: string; readonly destination: string; readonly tlvs: Buffer | null }
    | undefined
}

/** What an upstream transport socket may know of the host it connects to. */
export interface TransportSocketHost {
  readonly address: Address
  readonly hostname: string
}

/** Category 'envoy.transport_sockets.upstream'; null stands for raw_buffer. */
export interface UpstreamTransportSocketPlan {
  /** It tells hosts whose connection it is, so clients cannot share upstream connections. */
  readonly proxyProtocol?: boolean
  /** It encrypts: the port of a host that names none is 443. */
  readonly secure?: boolean
  /** Called once per cluster and thread; `statPrefix` is 'cluster.<name>.'. */
  create(thread: ThreadContext, statPrefix: string): UpstreamTransportSocketFactory
}

export interface UpstreamTransportSocketFactory {
  /** Begins to connect; the reader hears onConnected once the transport stands. */
  connect(host: TransportSocketHost, options: ConnectOptions, overrides: TransportSocketOverrides | null): Connection
  /** Goes under a connection that is connected as TCP; onConnected comes once the transport stands. */
  goUnder(connection: Connection, host: TransportSocketHost, overrides: TransportSocketOverrides | null): void
}
