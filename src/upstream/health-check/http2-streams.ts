// The HTTP/2 connection that a host's checks share.
import {
  DEFAULT_HTTP2_OPTIONS,
  HTTP2_STATS,
  Http2ClientCodec,
  type MultiplexedClientCallbacks,
  type RequestEncoder,
  type ResponseDecoder,
} from '../../http/index.ts'
import { type CloseEvent, CloseFlush, type Connection, type ConnectionReader } from '../../net/index.ts'
import type { CheckStreams, CheckTarget } from './checker.ts'

export class Http2Streams implements CheckStreams, ConnectionReader, MultiplexedClientCallbacks {
  private readonly target: CheckTarget
  private connection: Connection | null = null
  private codec: Http2ClientCodec | null = null

  constructor(target: CheckTarget) {
    this.target = target
  }

  newStream(decoder: ResponseDecoder): RequestEncoder {
    if (this.codec === null || !this.codec.canOpenStream) {
      this.close()
      const { thread, statPrefix } = this.target
      this.connection = this.target.connect()
      this.connection.reader = this
      const stats = thread.stats.block(`${statPrefix}http2.`, HTTP2_STATS)
      this.codec = new Http2ClientCodec(this.connection, this, DEFAULT_HTTP2_OPTIONS, stats)
    }
    return this.codec.newStream(decoder)
  }

  onConnected(): void {
    // Preface and request stand in the connection's buffer already.
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
    const { codec } = this
    this.drop()
    codec?.onConnectionClosed('connection_termination', errno)
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
    if (connection === null) return
    connection.reader = null
    connection.close(CloseFlush)
  }
}
