// The HTTP/2 connection that a host's checks share.
import {
  DEFAULT_HTTP2_OPTIONS,
  HTTP2_STATS,
  Http2ClientCodec,
  type MultiplexedClientCallbacks,
} from '../../http/index.ts'
import { type CloseEvent, CloseFlush, type Connection, type ConnectionReader } from '../../net/index.ts'
import type { CheckRequest, CheckStreams, CheckTarget } from './checker.ts'

export class Http2Streams implements CheckStreams, ConnectionReader, MultiplexedClientCallbacks {
  private readonly target: CheckTarget
  private connection: Connection | null = null
  private codec: Http2ClientCodec | null = null
  /** The request that waits for the connection. */
  private waiting: CheckRequest | null = null

  constructor(target: CheckTarget) {
    this.target = target
  }

  begin(request: CheckRequest): void {
    if (this.codec?.canOpenStream === true) {
      request.send(this.codec.newStream(request), this.secure)
      return
    }
    this.close()
    this.waiting = request
    this.connection = this.target.connect()
    this.connection.reader = this
  }

  get open(): boolean {
    return this.codec?.canOpenStream === true
  }

  /** Takes over a connection that stands. */
  adopt(connection: Connection, request: CheckRequest): void {
    this.waiting = request
    this.connection = connection
    connection.reader = this
    this.onConnected()
  }

  private get secure(): boolean {
    return this.connection !== null && this.connection.ssl !== null
  }

  onConnected(): void {
    const { connection, waiting } = this
    const { thread, statPrefix } = this.target
    this.waiting = null
    const stats = thread.stats.block(`${statPrefix}http2.`, HTTP2_STATS)
    this.codec = new Http2ClientCodec(connection as Connection, this, DEFAULT_HTTP2_OPTIONS, stats)
    waiting?.send(this.codec.newStream(waiting), this.secure)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.codec?.dispatch(data, start, end)
  }

  onStreamClosed(): void {
    if (!this.target.reuseConnection || this.codec?.canOpenStream === false) this.close()
  }

  onMaxConcurrentStreams(_limit: number): void {
    // One check at a time.
  }

  onGoAway(): void {
    if (this.codec?.activeStreams === 0) this.close()
  }

  onProtocolError(_details: string): void {
    this.lose(null)
  }

  onEnd(): void {
    this.connection?.closeByPeer()
  }

  onClose(_event: CloseEvent, errno: string | null): void {
    this.lose(errno)
  }

  /** A check under way fails; between two checks nobody misses the connection. */
  private lose(errno: string | null): void {
    const { codec, waiting } = this
    this.drop()
    codec?.onConnectionClosed('connection_termination', errno)
    waiting?.onResetStream('connection_failure', errno)
  }

  close(): void {
    const { codec } = this
    this.drop()
    // Streams that are under way give back what they hold; their checks hear nothing, they have let go already.
    codec?.onConnectionClosed('local_reset', null)
  }

  private drop(): void {
    const { connection } = this
    this.connection = null
    this.codec = null
    this.waiting = null
    if (connection === null) return
    connection.reader = null
    connection.close(CloseFlush)
  }
}
