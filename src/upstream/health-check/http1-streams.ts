// The HTTP/1.1 connection that a host's checks share, one request at a time.
import {
  type ClientCodecCallbacks,
  Http1ClientCodec,
  type Http1Options,
  type RequestEncoder,
  type ResponseDecoder,
} from '../../http/index.ts'
import { type CloseEvent, CloseNoFlush, type Connection, type ConnectionReader } from '../../net/index.ts'
import type { CheckStreams, CheckTarget } from './checker.ts'

const OPTIONS: Http1Options = {
  limits: { maxBytes: 60 * 1024, maxCount: 100, underscores: 'ALLOW' },
  acceptHttp10: false,
  defaultHostForHttp10: '',
  enableTrailers: false,
  allowChunkedLength: false,
  allowAbsoluteUrl: true,
  headerCase: null,
  preserveCase: false,
}

export class Http1Streams implements CheckStreams, ConnectionReader, ClientCodecCallbacks {
  private readonly target: CheckTarget
  private connection: Connection | null = null
  private codec: Http1ClientCodec | null = null
  private decoder: ResponseDecoder | null = null

  constructor(target: CheckTarget) {
    this.target = target
  }

  newStream(decoder: ResponseDecoder): RequestEncoder {
    this.decoder = decoder
    if (this.connection === null || this.codec === null) {
      this.connection = this.target.connect()
      this.connection.reader = this
      this.codec = new Http1ClientCodec(this.connection, this, OPTIONS)
    }
    return this.codec.newStream(decoder)
  }

  onConnected(): void {
    // The request stands in the connection's buffer already.
  }

  onData(data: Buffer, start: number, end: number): void {
    this.codec?.dispatch(data, start, end)
  }

  onStreamComplete(reusable: boolean): void {
    this.decoder = null
    if (!reusable || !this.target.reuseConnection) this.close()
  }

  onProtocolError(_details: string): void {
    this.lose()
  }

  onEnd(): void {
    // The end of the connection may be the end of a body.
    if (this.codec?.onConnectionClosed() === true) this.close()
    else this.connection?.closeByPeer()
  }

  onClose(_event: CloseEvent): void {
    this.lose()
  }

  /** Between two checks nobody misses the connection. */
  private lose(): void {
    const { decoder } = this
    this.close()
    decoder?.onResetStream('connection_termination', null)
  }

  close(): void {
    const { connection } = this
    this.connection = null
    this.codec = null
    this.decoder = null
    if (connection === null) return
    connection.reader = null
    connection.close(CloseNoFlush)
  }
}
