// HttpHealthCheck.use_alpn_protocol: a check's connection speaks what its TLS handshake has chosen.
import { type CloseEvent, CloseNoFlush, type Connection, type ConnectionReader } from '../../net/index.ts'
import type { CheckRequest, CheckStreams, CheckTarget } from './checker.ts'
import { Http1Streams } from './http1-streams.ts'
import { Http2Streams } from './http2-streams.ts'

export class AlpnStreams implements CheckStreams, ConnectionReader {
  private readonly target: CheckTarget
  /** Where nothing was chosen. */
  private readonly http2ByDefault: boolean
  /** Not yet known to speak anything. */
  private connection: Connection | null = null
  private request: CheckRequest | null = null
  private streams: Http1Streams | Http2Streams | null = null

  constructor(target: CheckTarget, http2ByDefault: boolean) {
    this.target = target
    this.http2ByDefault = http2ByDefault
  }

  begin(request: CheckRequest): void {
    if (this.streams?.open === true) {
      this.streams.begin(request)
      return
    }
    this.close()
    this.request = request
    this.connection = this.target.connect()
    this.connection.reader = this
  }

  onConnected(): void {
    const { connection, request } = this
    this.connection = null
    this.request = null
    if (connection === null || request === null) return
    const alpn = connection.ssl?.alpn ?? ''
    const http2 = alpn === '' ? this.http2ByDefault : alpn === 'h2'
    this.streams = http2 ? new Http2Streams(this.target) : new Http1Streams(this.target)
    this.streams.adopt(connection, request)
  }

  onData(): void {
    // Before the handshake there are no bytes to read.
  }

  onEnd(): void {
    this.connection?.closeByPeer()
  }

  onClose(_event: CloseEvent, errno: string | null): void {
    const { request } = this
    this.connection = null
    this.request = null
    request?.onResetStream('connection_failure', errno)
  }

  close(): void {
    const { connection, streams } = this
    this.connection = null
    this.request = null
    this.streams = null
    streams?.close()
    if (connection === null) return
    connection.reader = null
    connection.close(CloseNoFlush)
  }
}
