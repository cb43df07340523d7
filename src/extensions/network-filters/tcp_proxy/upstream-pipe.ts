import type { CloseEvent, CloseKind, Connection } from '../../../net/index.ts'
import { BytesMeter, type SslConnectionInfo } from '../../../observability/index.ts'
import type { TcpUpstream } from '../../../upstream/index.ts'

/** Where a client's bytes go: a TCP connection, or a stream of HTTP that was asked to be one. */
export interface UpstreamPipe {
  readonly connectionId: number
  /** Of the connection; null without TLS. */
  readonly ssl: SslConnectionInfo | null
  /** 'ip:port', or null when it is not known. */
  readonly localAddress: string | null
  /** What went over the wire, framing included; null: it is noted elsewhere. */
  readonly wireBytes: BytesMeter | null
  /** Bytes on their way that the kernel, or the peer's window, has not taken. */
  readonly bytesBuffered: number
  readonly closed: boolean
  write(data: Buffer, start: number, end: number): void
  /** No further bytes follow. */
  endWrite(): void
  /** A counter. */
  readDisable(disable: boolean): void
  /** Both halves have ended; `by` is who was last. */
  finishedBy(by: CloseEvent): void
  close(kind: CloseKind, delayMs?: number): void
}

/** A plain TCP connection as a pipe. */
export class TcpPipe implements UpstreamPipe {
  private readonly upstream: TcpUpstream

  constructor(upstream: TcpUpstream) {
    this.upstream = upstream
  }

  get connectionId(): number {
    return this.upstream.connection.id
  }

  get ssl(): SslConnectionInfo | null {
    return this.upstream.connection.ssl
  }

  get localAddress(): string | null {
    return this.upstream.connection.localAddress
  }

  get wireBytes(): BytesMeter {
    return wireBytes(this.upstream.connection)
  }

  get bytesBuffered(): number {
    return this.upstream.connection.bytesBuffered
  }

  get closed(): boolean {
    return this.upstream.connection.closed
  }

  write(data: Buffer, start: number, end: number): void {
    this.upstream.connection.write(data, start, end)
  }

  endWrite(): void {
    this.upstream.connection.endWrite()
  }

  readDisable(disable: boolean): void {
    this.upstream.connection.readDisable(disable)
  }

  finishedBy(by: CloseEvent): void {
    this.upstream.finishedBy = by
  }

  close(kind: CloseKind, delayMs?: number): void {
    this.upstream.connection.close(kind, delayMs)
  }
}

export function wireBytes({ bytesRead, bytesWritten }: Pick<Connection, 'bytesRead' | 'bytesWritten'>): BytesMeter {
  const meter = new BytesMeter()
  meter.wireReceived = bytesRead
  meter.wireSent = bytesWritten
  return meter
}
