import { HTTP2_STATS } from '../../../http/index.ts'
import {
  type AcceptedHandle,
  type Address,
  adoptConnection,
  ListenSocket,
  startReading,
  type ThreadContext,
} from '../../../net/index.ts'
import { log, type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { GrpcMethods } from './grpc-call.ts'
import { GrpcConnection } from './grpc-connection.ts'

const SERVER_STATS = statTemplate({
  counters: ['downstream_cx_accept_error', 'downstream_cx_overflow', 'downstream_cx_total'],
  gauges: ['downstream_cx_active'],
})
const CX_ACCEPT_ERROR = SERVER_STATS.slot('downstream_cx_accept_error')
const CX_OVERFLOW = SERVER_STATS.slot('downstream_cx_overflow')
const CX_TOTAL = SERVER_STATS.slot('downstream_cx_total')
const CX_ACTIVE = SERVER_STATS.slot('downstream_cx_active')

const BACKLOG = 4096
const MAX_CONNECTIONS = 10_000

const logger = log('connection')

export interface GrpcServerSettings {
  readonly address: Address
  /** A connection this old is asked to come again, so that clients find new instances; 0: never. */
  readonly maxAgeMs: number
  /** What its calls may still take; 0: as long as they want. */
  readonly maxAgeGraceMs: number
}

/** Serves gRPC methods over HTTP/2 without TLS, with the codec of the proxy itself. */
export class GrpcServer {
  readonly thread: ThreadContext
  readonly methods: GrpcMethods
  readonly http2Stats: StatBlock
  readonly maxAgeMs: number
  readonly maxAgeGraceMs: number
  private readonly cells: Float64Array
  private readonly connections = new Set<GrpcConnection>()
  private readonly socket: Promise<ListenSocket>
  private onEmpty: (() => void) | null = null

  constructor(thread: ThreadContext, settings: GrpcServerSettings, methods: GrpcMethods) {
    this.thread = thread
    this.methods = methods
    this.maxAgeMs = settings.maxAgeMs
    this.maxAgeGraceMs = settings.maxAgeGraceMs
    this.http2Stats = thread.stats.block('ratelimit_server.http2.', HTTP2_STATS)
    this.cells = thread.stats.block('ratelimit_server.', SERVER_STATS).cells
    this.socket = ListenSocket.listen(
      { address: settings.address, reusePort: false, backlog: BACKLOG },
      handle => this.accept(handle),
      status => this.onAcceptError(status),
    )
    // Whoever awaits `listening` gets the error; without anybody it would end the process.
    this.socket.catch(() => undefined)
  }

  /** Resolves to the address once bound; rejects with the system's error. */
  async listening(): Promise<Address> {
    return (await this.socket).localAddress
  }

  private accept(handle: AcceptedHandle): void {
    this.thread.clock.update()
    if (this.connections.size >= MAX_CONNECTIONS) {
      this.cells[CX_OVERFLOW]! += 1
      handle.close()
      return
    }
    this.cells[CX_TOTAL]! += 1
    this.cells[CX_ACTIVE]! += 1
    const connection = adoptConnection(this.thread, handle)
    this.connections.add(new GrpcConnection(connection, this))
    startReading(connection)
  }

  private onAcceptError(status: number): void {
    this.cells[CX_ACCEPT_ERROR]! += 1
    logger.warn(`a connection could not be accepted: status ${status}`)
  }

  onConnectionClosed(connection: GrpcConnection): void {
    this.connections.delete(connection)
    this.cells[CX_ACTIVE]! -= 1
    if (this.connections.size === 0) this.onEmpty?.()
  }

  /** Clients are told that this end will go; everything is still served. */
  announceDrain(): void {
    for (const connection of this.connections) connection.beginDrain()
  }

  /** Nothing new is taken. Resolves when the calls under way are answered, or cut after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    ;(await this.socket).close()
    const empty = new Promise<void>(resolve => {
      this.onEmpty = resolve
    })
    for (const connection of this.connections) connection.endDrain()
    if (this.connections.size === 0) return
    const timer = setTimeout(() => {
      for (const connection of this.connections) connection.cut()
    }, timeoutMs)
    await empty
    clearTimeout(timer)
  }
}
