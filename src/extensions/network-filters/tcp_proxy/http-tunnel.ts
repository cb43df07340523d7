import { HeaderMap, type RequestEncoder, type ResetReason, type ResponseDecoder } from '../../../http/index.ts'
import type { CloseEvent, ThreadContext } from '../../../net/index.ts'
import { BytesMeter, type SslConnectionInfo, type StreamInfo } from '../../../observability/index.ts'
import {
  CLUSTER_SLOTS as C,
  type Cluster,
  connectionPool,
  countStreamReset,
  HOST_RQ_ACTIVE,
  HOST_RQ_TOTAL,
  type Host,
  type PoolCallbacks,
  type PooledStream,
  type PoolFailure,
  type TcpConnectFailure,
  type TcpUpstreamCallbacks,
  transportOverrides,
} from '../../../upstream/index.ts'
import { HEADERS_KEY, KeptFields, TRAILERS_KEY } from './kept-fields.ts'
import type { TunnelingPlan } from './tunneling.ts'
import type { UpstreamPipe } from './upstream-pipe.ts'

/** One HTTP stream, opened by CONNECT or POST, that carries a client's bytes (RFC 9110, 9.3.6). */
export class HttpTunnel implements UpstreamPipe, ResponseDecoder, PoolCallbacks {
  closed = false
  private readonly plan: TunnelingPlan
  private readonly cluster: Cluster
  private readonly host: Host
  private readonly callbacks: TcpUpstreamCallbacks
  private readonly info: StreamInfo
  private meter: BytesMeter | null = null
  private encoder: RequestEncoder | null = null
  private stream: PooledStream | null = null
  private pending: { cancel(): void } | null = null
  private request: HeaderMap | null = null
  private agreed = false
  private writeEnded = false
  private readEnded = false

  private constructor(
    plan: TunnelingPlan,
    cluster: Cluster,
    host: Host,
    callbacks: TcpUpstreamCallbacks,
    info: StreamInfo,
  ) {
    this.plan = plan
    this.cluster = cluster
    this.host = host
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
    const tunnel = new HttpTunnel(plan, cluster, host, callbacks, info)
    const overrides = transportOverrides(cluster, info, null)
    tunnel.pending = connectionPool(thread, cluster, host, 0, false, overrides).newStream(tunnel, tunnel, false)
    return tunnel
  }

  // ---- the pool

  onPoolReady(encoder: RequestEncoder, stream: PooledStream): void {
    this.pending = null
    this.encoder = encoder
    this.stream = stream
    this.meter = encoder.meter
    this.cluster.stats.cells[C.upstream_rq_total]! += 1
    this.cluster.stats.cells[C.upstream_rq_active]! += 1
    this.host.cells[HOST_RQ_TOTAL]! += 1
    this.host.cells[HOST_RQ_ACTIVE]! += 1
    this.request = this.buildRequest()
    encoder.encodeHeaders(this.request, false)
  }

  onPoolFailure(failure: PoolFailure, detail: string | null): void {
    this.pending = null
    this.fail(failure, failure === 'overflow' ? null : detail)
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
    if (this.plan.keepsHeaders) KeptFields.keep(this.info, HEADERS_KEY, headers)
    HeaderMap.release(headers)
    if (this.closed) return
    if (endStream || !this.agrees(status)) {
      this.info.upstreamTransportFailureReason = `tunnel_response:${status}`
      this.abandon()
      this.fail('connection_failure', null)
      return
    }
    this.agreed = true
    this.callbacks.onUpstreamReady()
  }

  /** As Envoy: over HTTP/2 nothing but 200 opens a tunnel. */
  private agrees(status: number): boolean {
    return this.stream?.protocol === 'HTTP/2' ? status === 200 : status >= 200 && status <= 299
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.closed) return
    if (end > start) this.callbacks.onUpstreamData(data, start, end)
    if (endStream) this.onReadEnd()
  }

  decodeTrailers(trailers: HeaderMap): void {
    if (this.plan.keepsTrailers) KeptFields.keep(this.info, TRAILERS_KEY, trailers)
    HeaderMap.release(trailers)
    if (!this.closed) this.onReadEnd()
  }

  private onReadEnd(): void {
    if (this.readEnded || this.closed) return
    this.readEnded = true
    this.callbacks.onUpstreamEnd()
    if (this.writeEnded) this.finish('remote')
  }

  onResetStream(reason: ResetReason): void {
    if (this.closed) return
    if (this.stream?.protocol === 'HTTP/2') countStreamReset(this.cluster.stats.cells, reason)
    if (!this.agreed) {
      this.fail('connection_failure', null)
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

  /** Streams note them by themselves, at their end. */
  readonly wireBytes = null

  /** Of every attempt. */
  private noteBytes(): void {
    if (this.meter === null) return
    const total = (this.info.upstreamBytes ??= new BytesMeter())
    total.wireReceived += this.meter.wireReceived
    total.wireSent += this.meter.wireSent
    this.meter = null
  }

  get bytesBuffered(): number {
    return this.closed ? 0 : (this.encoder?.bytesBuffered ?? 0)
  }

  write(data: Buffer, start: number, end: number): void {
    if (this.closed) return
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
    const { stream } = this
    this.stream = null
    if (stream === null || this.encoder === null) return
    if (stream.protocol === 'HTTP/2') this.cluster.stats.cells[C.upstream_rq_tx_reset]! += 1
    stream.abandon(this.encoder)
  }

  private end(): void {
    this.closed = true
    this.pending = null
    if (this.encoder !== null) {
      this.cluster.stats.cells[C.upstream_rq_active]! -= 1
      this.host.cells[HOST_RQ_ACTIVE]! -= 1
    }
    this.noteBytes()
    if (this.request !== null) HeaderMap.release(this.request)
    this.request = null
  }
}

const NO_BYTES = Buffer.alloc(0)
