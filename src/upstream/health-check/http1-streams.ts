// The HTTP/1.1 connection that a host's checks share, one request at a time.
import { type ClientCodecCallbacks, Http1ClientCodec, type Http1Options } from '../../http/index.ts'
import { type CloseEvent, CloseNoFlush, type Connection, type ConnectionReader } from '../../net/index.ts'
import type { CheckRequest, CheckStreams, CheckTarget } from './checker.ts'

const OPTIONS: Http1Options = {
  limits: { maxBytes: 60 * 1024, maxCount: 100, underscores: 'ALLOW' },
  acceptHttp10: false,
  defaultHostForHttp10: '',
  enableTrailers: false,
  allowChunkedLength: false,
  allowAbsoluteUrl: true,
  refuseHttpsInPlaintext: false,
  headerCase: null,
  preserveCase: null,
  customMethods: false,
  fullyQualifiedUrl: false,
  ignoredUpgrades: [],
}

export class Http1Streams implements CheckStreams, ConnectionReader, ClientCodecCallbacks {
  private readonly target: CheckTarget
  private connection: Connection | null = null
  private codec: Http1ClientCodec | null = null
  private request: CheckRequest | null = null

  constructor(target: CheckTarget) {
    this.target = target
  }

  begin(request: CheckRequest): void {
    this.request = request
    if (this.codec !== null) {
      request.send(this.codec.newStream(request), this.secure)
      return
    }
    this.connection = this.target.connect()
    this.connection.reader = this
  }

  get open(): boolean {
    return this.codec !== null
  }

  /** Takes over a connection that stands. */
  adopt(connection: Connection, request: CheckRequest): void {
    this.request = request
    this.connection = connection
    connection.reader = this
    this.onConnected()
  }

  private get secure(): boolean {
    return this.connection !== null && this.connection.ssl !== null
  }

  onConnected(): void {
    const { connection, request } = this
    this.codec = new Http1ClientCodec(connection as Connection, this, OPTIONS)
    request?.send(this.codec.newStream(request), this.secure)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.codec?.dispatch(data, start, end)
  }

  onStreamComplete(reusable: boolean): void {
    this.request = null
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
    const { request } = this
    this.close()
    request?.onResetStream('connection_termination', null)
  }

  close(): void {
    const { connection } = this
    this.connection = null
    this.codec = null
    this.request = null
    if (connection === null) return
    connection.reader = null
    connection.close(CloseNoFlush)
  }
}
