import { HeaderMap, type RequestEncoder, type ResetReason, type ResponseDecoder } from '../../../http/index.ts'
import type { CloseEvent, ThreadContext } from '../../../net/index.ts'
import type { SslConnectionInfo, StreamInfo } from '../../../observability/index.ts'
import {
  type Cluster,
  connectionPool,
  type Host,
  type PoolCallbacks,
  type PooledStream,
  type PoolFailure,
  type TcpConnectFailure,
  type TcpUpstreamCallbacks,
  transportOverrides,
} from '../../../upstream/index.ts'
import type { TunnelingPlan } from './tunneling.ts'
import type { UpstreamPipe } from './upstream-pipe.ts'

/** One HTTP stream, opened by CONNECT or POST, that carries a client's bytes (RFC 9110, 9.3.6). */
export class HttpTunnel implements UpstreamPipe, ResponseDecoder, PoolCallbacks {
  bytesRead = 0
  bytesWritten = 0
  closed = false
  private readonly plan: TunnelingPlan
  private readonly callbacks: TcpUpstreamCallbacks
  private readonly info: StreamInfo
  private encoder: RequestEncoder | null = null
  private stream: PooledStream | null = null
  private pending: { cancel(): void } | null = null
  private request: HeaderMap | null = null
  private agreed = false
  private writeEnded = false
  private readEnded = false

  private constructor(plan: TunnelingPlan, callbacks: TcpUpstreamCallbacks, info: StreamInfo) {
    this.plan = plan
    this.callbacks = callbacks
    this.info = info
  }

  /** Asks `host` for a tunnel; the callbacks hear what becomes of it, perhaps before this returns. */
  static open(
    plan: TunnelingPlan,
    thread: ThreadContext,
    cluster: Cluster,
    host: Host,
    callbacks: TcpUpstreamCallbacks,
    info: StreamInfo,
  ): HttpTunnel {
    const tunnel = new HttpTunnel(plan, callbacks, info)
    const overrides = transportOverrides(cluster, info, null)
    tunnel.pending = connectionPool(thread, cluster, host, 0, false, overrides).newStream(tunnel, tunnel, false)
    return tunnel
  }

  // ---- the pool

  onPoolReady(encoder: RequestEncoder, stream: PooledStream): void {
    this.pending = null
    this.encoder = encoder
    this.stream = stream
    this.request = this.buildRequest()
    encoder.encodeHeaders(this.request, false)
  }

  onPoolFailure(failure: PoolFailure, detail: string | null): void {
    this.pending = null
    this.fail(failure === 'connection_timeout' ? 'connection_timeout' : 'connection_failure', detail)
  }

  private buildRequest(): HeaderMap {
    const { plan, info } = this
    const headers = HeaderMap.acquire()
    headers.method = plan.usePost ? 'POST' : 'CONNECT'
    headers.scheme = plan.usePost ? 'http' : ''
    if (plan.usePost) headers.path = plan.postPath
    headers.authority = plan.hostname.format({
      requestHeaders: null,
      responseHeaders: null,
      responseTrailers: null,
      info,
    })
    plan.headersToAdd.apply(headers, headers, null, info)
    return headers
  }

  private fail(failure: TcpConnectFailure, errno: string | null): void {
    if (this.closed) return
    this.end()
    this.callbacks.onUpstreamConnectFailed(failure, errno)
  }

  // ---- the response

  decode1xxHeaders(headers: HeaderMap): void {
    HeaderMap.release(headers)
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { status } = headers
    HeaderMap.release(headers)
    if (this.closed) return
    if (status < 200 || status > 299) {
      this.abandon()
      this.fail('connection_failure', `tunnel refused with status ${status}`)
      return
    }
    this.agreed = true
    this.callbacks.onUpstreamReady()
    if (endStream) this.onReadEnd()
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.closed) return
    this.bytesRead += end - start
    if (end > start) this.callbacks.onUpstreamData(data, start, end)
    if (endStream) this.onReadEnd()
  }

  decodeTrailers(trailers: HeaderMap): void {
    HeaderMap.release(trailers)
    if (!this.closed) this.onReadEnd()
  }

  private onReadEnd(): void {
    if (this.readEnded || this.closed) return
    this.readEnded = true
    this.callbacks.onUpstreamEnd()
    if (this.writeEnded) this.finish('remote')
  }

  onResetStream(reason: ResetReason, detail: string | null): void {
    if (this.closed) return
    if (!this.agreed) {
      this.fail('connection_failure', detail)
      return
    }
    this.end()
    const abrupt = reason === 'remote_reset' || reason === 'remote_refused_stream_reset'
    this.callbacks.onUpstreamClosed('remote', abrupt ? 'ECONNRESET' : null)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.callbacks.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.callbacks.onBelowWriteBufferLowWatermark()
  }

  // ---- the pipe

  get connectionId(): number {
    return this.stream?.connection.id ?? 0
  }

  get ssl(): SslConnectionInfo | null {
    return this.stream?.connection.ssl ?? null
  }

  get localAddress(): string | null {
    return null
  }

  get bytesBuffered(): number {
    return this.closed ? 0 : (this.encoder?.bytesBuffered ?? 0)
  }

  write(data: Buffer, start: number, end: number): void {
    if (this.closed) return
    this.bytesWritten += end - start
    this.encoder?.encodeData(data, start, end, false)
  }

  endWrite(): void {
    if (this.closed || this.writeEnded) return
    this.writeEnded = true
    this.encoder?.encodeData(NO_BYTES, 0, 0, true)
    if (this.readEnded) this.finish('local')
  }

  readDisable(disable: boolean): void {
    if (!this.closed) this.encoder?.readDisable(disable)
  }

  finishedBy(): void {}

  close(): void {
    if (this.closed) return
    this.pending?.cancel()
    this.abandon()
    this.end()
  }

  private finish(by: CloseEvent): void {
    this.end()
    this.callbacks.onUpstreamClosed(by, null)
  }

  private abandon(): void {
    if (this.stream !== null && this.encoder !== null) this.stream.abandon(this.encoder)
    this.stream = null
  }

  private end(): void {
    this.closed = true
    this.pending = null
    if (this.request !== null) HeaderMap.release(this.request)
    this.request = null
  }
}

const NO_BYTES = Buffer.alloc(0)
