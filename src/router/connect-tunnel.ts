// RouteAction.UpgradeConfig.connect_config: CONNECT ends here, and its bytes go to a plain TCP connection.

import { type ConnectPlan, HeaderMap, type RequestEncoder, type ResponseDecoder } from '../http/index.ts'
import { CloseFlush, CloseNoFlush, type Connection, proxyHeader, type ThreadContext } from '../net/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import { BytesMeter } from '../observability/index.ts'
import {
  type Cluster,
  type Host,
  type PoolCallbacks,
  type PooledStream,
  type TcpConnectFailure,
  TcpUpstream,
  type TcpUpstreamCallbacks,
  transportOverrides,
} from '../upstream/index.ts'

/** A TCP connection that looks like a stream of an HTTP pool: it answers 200 by itself and passes bodies as bytes. */
export class ConnectTunnel implements TcpUpstreamCallbacks, RequestEncoder, PooledStream {
  /** No HTTP is spoken upstream. */
  readonly protocol = null
  readonly idleMs = 0
  readonly meter = new BytesMeter()
  private readonly plan: ConnectPlan
  private readonly info: StreamInfo
  private readonly decoder: ResponseDecoder
  private readonly callbacks: PoolCallbacks
  private upstream: TcpUpstream | null = null
  private over = false

  private constructor(plan: ConnectPlan, info: StreamInfo, owner: ResponseDecoder & PoolCallbacks) {
    this.plan = plan
    this.info = info
    this.decoder = owner
    this.callbacks = owner
  }

  /** Connects to `host`; null when a callback has been called already. */
  static open(
    { thread, info }: { readonly thread: ThreadContext; readonly info: StreamInfo },
    cluster: Cluster,
    host: Host,
    plan: ConnectPlan,
    owner: ResponseDecoder & PoolCallbacks,
  ): ConnectTunnel | null {
    const tunnel = new ConnectTunnel(plan, info, owner)
    tunnel.upstream = TcpUpstream.open(thread, cluster, host, tunnel, transportOverrides(cluster, info, null))
    if (tunnel.upstream !== null) return tunnel
    owner.onPoolFailure('overflow', null)
    return null
  }

  get connection(): Connection {
    return (this.upstream as TcpUpstream).connection
  }

  /** Stops connecting; no callback follows. */
  cancel(): void {
    this.abandon()
  }

  abandon(): void {
    if (this.over) return
    this.over = true
    this.connection.close(CloseNoFlush)
  }

  // ---- the TCP connection

  onUpstreamReady(): void {
    const { proxyHeader: header } = this.plan
    if (header !== null) {
      const { remoteAddress: source, localAddress: destination, proxyTlvs = null } = this.info.connection
      const bytes = proxyHeader(header, { source, destination, tlvs: proxyTlvs })
      this.connection.write(bytes, 0, bytes.length)
    }
    this.callbacks.onPoolReady(this, this, false)
  }

  onUpstreamConnectFailed(failure: TcpConnectFailure, errno: string | null): void {
    this.over = true
    this.callbacks.onPoolFailure(failure, errno)
  }

  onUpstreamData(data: Buffer, start: number, end: number): void {
    this.meter.wireReceived += end - start
    if (!this.over) this.decoder.decodeData(data, start, end, false)
  }

  onUpstreamEnd(): void {
    if (this.over) return
    this.over = true
    this.decoder.decodeData(NO_BYTES, 0, 0, true)
    this.connection.close(CloseFlush)
  }

  onUpstreamClosed(_event: unknown, errno: string | null): void {
    if (this.over) return
    this.over = true
    this.decoder.onResetStream('connection_termination', errno)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.decoder.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.decoder.onBelowWriteBufferLowWatermark()
  }

  // ---- the request

  encodeHeaders(_headers: HeaderMap, endStream: boolean): void {
    const agreed = HeaderMap.acquire()
    agreed.status = 200
    this.decoder.decodeHeaders(agreed, false)
    if (endStream && !this.over) this.connection.endWrite()
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    this.meter.wireSent += end - start
    if (end > start) this.connection.write(data, start, end)
    if (endStream) this.connection.endWrite()
  }

  encodeTrailers(): void {
    if (!this.over) this.connection.endWrite()
  }

  resetStream(): void {
    this.abandon()
  }

  readDisable(disable: boolean): void {
    this.connection.readDisable(disable)
  }

  get bytesBuffered(): number {
    return this.connection.bytesBuffered
  }
}

const NO_BYTES = Buffer.alloc(0)
