// HOT FILE (docs/hot-path.md): one client: its requests in their order, and how much of both may wait.

import {
  CloseFlush,
  CloseNoFlush,
  type Connection,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
  type ThreadContext,
  type WatermarkCallbacks,
} from '../../../net/index.ts'
import type { RespSink, RespVersion } from '../../../net/resp/index.ts'
import type { StatBlock, StreamInfo } from '../../../observability/index.ts'
import type { GrpcCall } from '../../../upstream/index.ts'
import { ClientRequest } from './client-request.ts'
import { RequestReader } from './codec/request-reader.ts'
import type { Command } from './command-table.ts'
import { PROTOCOL_ERROR } from './replies.ts'
import type { Splitter } from './splitter.ts'
import * as S from './stats.ts'
import type { Transaction } from './transaction.ts'
import type { CongestionWaiter, RedisClient } from './upstream/redis-client.ts'

const ALL = { numerator: 100, denominator: 100 }

/** Requests under way at first, and at most. */
const FIRST_WINDOW = 16
const MAX_WINDOW = 1024
/** So many bytes of replies are about what a client should be able to ask for at once. */
const WINDOW_BYTES = 16 * 1024 * 1024
/** What waits for a client that does not read, beyond which it is cut off: twice the largest string there is. */
const MAX_REPLY_BYTES = 1024 * 1024 * 1024

export class RedisProxy implements NetworkFilter, RespSink, WatermarkCallbacks, CongestionWaiter {
  readonly thread: ThreadContext
  info: StreamInfo = null as never
  /** What AUTH or HELLO has decided; true from the start where nothing is asked for. */
  private letIn: boolean
  /** When that is over, in Unix ms. */
  private letInUntilMs = Number.POSITIVE_INFINITY
  private authCall: GrpcCall | null = null
  private authPending = false
  version: RespVersion = 2
  /** Null until the first command of one. */
  transaction: Transaction | null = null
  private readonly splitter: Splitter
  private readonly stats: StatBlock
  private readonly reader = new RequestReader(this)
  private connection: Connection = null as never
  private head: ClientRequest | null = null
  private tail: ClientRequest | null = null
  private underWay = 0
  /** How many requests may be under way: grows with each reply, and shrinks with their size. */
  private window = FIRST_WINDOW
  private windowFull = false
  private waitsForIdle = false
  /** Bytes of replies that wait for others before them. */
  private waitingBytes = 0
  private holds = 0
  private quitting = false
  private ended = false
  private closed = false

  constructor(splitter: Splitter) {
    this.splitter = splitter
    this.thread = splitter.thread
    this.stats = splitter.stats
    this.letIn = !splitter.asksForPassword
  }

  initialize({ connection, info }: NetworkFilterCallbacks): void {
    const { cells } = this.stats
    this.connection = connection
    this.info = info
    cells[S.CX_TOTAL]! += 1
    cells[S.CX_ACTIVE]! += 1
    connection.expectBulk = true
    connection.statCells = cells
    connection.rxSlot = S.CX_RX_BYTES
    connection.txSlot = S.CX_TX_BYTES
    connection.watermarkCallbacks = this
  }

  onNewConnection(): FilterStatus {
    return StopIteration
  }

  // ---- who may

  get allowed(): boolean {
    if (
      this.letIn &&
      this.letInUntilMs !== Number.POSITIVE_INFINITY &&
      this.thread.clock.wallMs() > this.letInUntilMs
    ) {
      this.letIn = false
    }
    return this.letIn
  }

  allow(allowed: boolean, untilMs = Number.POSITIVE_INFINITY): void {
    this.letIn = allowed
    this.letInUntilMs = untilMs
  }

  /** Nothing more is taken of the client until a service has said whether it may. */
  awaitAuth(start: () => GrpcCall): void {
    this.hold()
    this.authPending = true
    const call = start()
    if (this.authPending) this.authCall = call
  }

  onAuthAnswer(): void {
    this.authPending = false
    this.authCall = null
    this.release()
  }

  // ---- requests

  onData(data: Buffer, start: number, end: number, endStream: boolean): FilterStatus {
    if (end > start && !this.quitting) this.reader.feed(data, start, end)
    if (this.reader.broken) this.onProtocolError()
    else if (endStream) this.onEndStream()
    return StopIteration
  }

  /** A client that has said all it wants to say still gets what it asked for. */
  private onEndStream(): void {
    this.ended = true
    this.closeIfEnded()
  }

  private closeIfEnded(): void {
    if (this.ended && this.head === null && this.holds === 0) this.connection.close(CloseFlush)
  }

  private onProtocolError(): void {
    if (this.connection.closing) return
    this.reader.stop()
    this.stats.cells[S.CX_PROTOCOL_ERROR]! += 1
    this.connection.write(PROTOCOL_ERROR, 0, PROTOCOL_ERROR.length)
    this.connection.close(CloseFlush)
  }

  onRespValue(bytes: Buffer, start: number, end: number): void {
    this.splitter.onRequest(this, bytes, start, end, this.reader.scanner)
    if (this.underWay >= this.window && !this.windowFull) {
      this.windowFull = true
      this.hold()
    }
  }

  /** A request that has been understood; `command`: whose stats it counts in. */
  begin(command: Command | null): ClientRequest {
    const request = new ClientRequest(this, command, this.thread.clock.now)
    this.stats.cells[S.RQ_TOTAL]! += 1
    this.stats.cells[S.RQ_ACTIVE]! += 1
    this.underWay++
    if (this.tail === null) this.head = request
    else this.tail.next = request
    this.tail = request
    return request
  }

  get busy(): boolean {
    return this.head !== null
  }

  /** The request that is being looked at is to be seen again once all before it are answered. */
  later(): void {
    this.reader.refuse()
    this.awaitIdle()
  }

  /** Requests go on once all so far are answered: those of a transaction go another way than the others. */
  awaitIdle(): void {
    if (this.waitsForIdle || this.head === null) return
    this.waitsForIdle = true
    this.hold()
  }

  /** The last request of this client. */
  quit(): void {
    this.quitting = true
    this.reader.stop()
  }

  // ---- replies

  /** Bytes [start, end) are valid only during the call. */
  onReply(request: ClientRequest, bytes: Buffer, start: number, end: number): void {
    if (request !== this.head) {
      this.park(request, Buffer.copyBytesFrom(bytes, start, end - start) as Buffer)
      return
    }
    this.connection.write(bytes, start, end)
    this.onWritten(end - start)
    this.writeParked()
  }

  /** A reply whose bytes stay as they are. */
  onOwnReply(request: ClientRequest, reply: Buffer): void {
    if (request !== this.head) {
      this.park(request, reply)
      return
    }
    this.connection.write(reply, 0, reply.length)
    this.onWritten(reply.length)
    this.writeParked()
  }

  private park(request: ClientRequest, reply: Buffer): void {
    request.reply = reply
    this.waitingBytes += reply.length
    if (this.waitingBytes + this.connection.bytesBuffered > MAX_REPLY_BYTES) this.connection.close(CloseNoFlush)
  }

  /** The reply to the head has been written. */
  private onWritten(size: number): void {
    this.underWay--
    this.stats.cells[S.RQ_ACTIVE]! -= 1
    const fits = size * MAX_WINDOW <= WINDOW_BYTES ? MAX_WINDOW : Math.max(1, Math.floor(WINDOW_BYTES / size))
    this.window = this.window < fits ? this.window + 1 : fits
    const head = this.head!
    this.head = head.next
    head.next = null
    head.proxy = null
  }

  private writeParked(): void {
    for (let head = this.head; head !== null && head.reply !== null; head = this.head) {
      const { reply } = head
      this.waitingBytes -= reply.length
      this.connection.write(reply, 0, reply.length)
      this.onWritten(reply.length)
    }
    if (this.head === null) this.onIdle()
    else if (this.connection.bytesBuffered > MAX_REPLY_BYTES) this.connection.close(CloseNoFlush)
    if (this.windowFull && this.underWay <= this.window >> 1) {
      this.windowFull = false
      this.release()
    }
  }

  private onIdle(): void {
    const { connection, thread } = this
    this.tail = null
    if (this.quitting) {
      connection.close(CloseFlush)
      return
    }
    if (this.waitsForIdle) {
      this.waitsForIdle = false
      this.release()
      return
    }
    this.closeIfEnded()
    if (!thread.drain.drainClose()) return
    if (!thread.runtime.snapshot.featureEnabled('redis.drain_close_enabled', ALL, thread.random())) return
    this.stats.cells[S.CX_DRAIN_CLOSE]! += 1
    connection.close(CloseFlush)
  }

  // ---- flow control

  /** Its commands go to a host that does not take them fast enough. */
  awaitUpstream(client: RedisClient): void {
    if (client.awaitDrained(this)) this.hold()
  }

  onUpstreamDrained(): void {
    this.release()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.hold()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.release()
  }

  private hold(): void {
    if (++this.holds > 1) return
    this.reader.paused = true
    this.connection.readDisable(true)
  }

  private release(): void {
    if (--this.holds > 0 || this.closed) return
    this.connection.readDisable(false)
    if (this.quitting) return
    this.reader.resume()
    if (this.reader.broken) this.onProtocolError()
    else this.closeIfEnded()
  }

  // ---- the end

  onClose(): void {
    const { cells } = this.stats
    this.closed = true
    this.reader.stop()
    cells[S.CX_ACTIVE]! -= 1
    for (let request = this.head; request !== null; ) {
      const { next } = request
      cells[S.RQ_ACTIVE]! -= 1
      request.cancel()
      request = next
    }
    this.head = this.tail = null
    this.transaction?.close()
    this.authCall?.cancel()
  }
}
