// HOT FILE (docs/hot-path.md): one stream of either half (RFC 9113, 5): its states, its windows, its encoder.
import { type ListMember, Timer, type TimerOwner } from '../../../base/index.ts'
import { BytesMeter } from '../../../observability/index.ts'
import type { HeaderMap } from '../../headers.ts'
import { HTTP2_FLUSH_TIMEOUT } from '../../http2-stats.ts'
import type { OwnReset, RequestDecoder, RequestEncoder, ResponseDecoder, ResponseEncoder } from '../codec.ts'
import { ConnectError, FRAME_HEADER_BYTES, InternalError, NoError, ProtocolError, RefusedStream } from './constants.ts'
import type { PendingSend } from './pending-send.ts'
import type { SessionCore } from './session-core.ts'

const FLUSH_TIMER = 0
const LINGER_TIMER = 1
/** A client that is answered early may end its request by itself for this long, and send this much of it. */
const LINGER_MS = 1000
const LINGER_BYTES = 65536

/** Our half: open, ended by its owner while bytes still wait, ended on the wire. */
const LocalOpen = 0
const LocalEnding = 1
const LocalEnded = 2

export class Http2Stream implements ResponseEncoder, RequestEncoder, TimerOwner, ListMember {
  /** In the client's list of requests that have not begun. */
  listIndex = -1
  /** 0: not on the wire yet. */
  id: number
  readonly meter = new BytesMeter()
  decoder: RequestDecoder | ResponseDecoder | null = null
  /** What the peer allows; negative after its SETTINGS shrank it. */
  sendWindow: number
  /** What the peer may still send. */
  receiveWindow: number
  /** Body bytes still to come by content-length; -1: it says nothing. */
  expectedBytes = -1
  remoteEnded = false
  closed = false
  /** Headers have gone out, so DATA may follow. */
  headSent = false
  /** The final head has been received. */
  headReceived = false
  /** No body may go out: a response to HEAD, 204, 304. */
  bodiless = false
  headRequest = false
  /** A plain CONNECT of ours. */
  tunnel = false
  /** An extended CONNECT: its HTTP/1 form has `upgrade: <protocol>`. */
  upgrade: string | null = null
  /** Informational responses so far. */
  informational = 0
  pending: PendingSend | null = null
  /** More is pending than the limit of the connection's buffer. */
  overfull = false
  nextInRing: Http2Stream | null = null
  previousInRing: Http2Stream | null = null
  /** A head that waits for the peer's SETTINGS. */
  waitingHead: HeaderMap | null = null
  waitingEnd = false
  private readonly session: SessionCore
  private local = LocalOpen
  /** Consumed and not given back to the peer's window yet. */
  private unreturned = 0
  /** Received while reading is disabled. */
  private withheld = 0
  private readDisables = 0
  /** Reasons for the source to pause: it hears of the first and of the end of the last. */
  private holds = 0
  private heldByConnection = false
  private timer: Timer | null = null
  /** The response is complete, the request is not: see linger. */
  lingering = false
  /** Bytes that have come since; nobody wants them. */
  private unwanted = 0

  constructor(session: SessionCore, id: number, sendWindow: number, receiveWindow: number) {
    this.session = session
    this.id = id
    this.sendWindow = sendWindow
    this.receiveWindow = receiveWindow
  }

  /** Its owner has sent the end, or given up. */
  get localFinished(): boolean {
    return this.local !== LocalOpen
  }

  get localEnded(): boolean {
    return this.local === LocalEnded
  }

  /** A head or trailers came in as a block of so many bytes. */
  countHeadReceived(blockBytes: number): void {
    this.meter.headerReceived += blockBytes + FRAME_HEADER_BYTES
    this.meter.wireReceived += blockBytes + FRAME_HEADER_BYTES
  }

  /** A head or trailers went out as a block of so many bytes. */
  countHeadSent(blockBytes: number): void {
    this.meter.headerSent += blockBytes + FRAME_HEADER_BYTES
    this.meter.wireSent += blockBytes + FRAME_HEADER_BYTES
  }

  // ---- encoding

  encode1xxHeaders(headers: HeaderMap): void {
    if (!this.closed && this.local === LocalOpen) this.session.sendInformational(this, headers)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (!this.closed && this.local === LocalOpen) this.session.sendHead(this, headers, endStream)
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.closed || this.local !== LocalOpen) return
    if (this.bodiless) start = end
    if (end > start || endStream) this.session.sender.send(this, data, start, end, endStream)
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (!this.closed && this.local === LocalOpen) this.session.sender.sendTrailers(this, trailers)
  }

  /** DATA frames carry a tunnel's bytes like any other. */
  upgradeToTunnel(): void {
    this.bodiless = false
    this.expectedBytes = -1
  }

  resetStream(reason: OwnReset): void {
    // An end that waits for the peer's window is still to come.
    const rest = reason === 'no_error' || reason === 'connect_error'
    if (this.closed || (rest && this.local === LocalEnding)) return
    this.decoder = null
    this.session.resetStream(this, codeOf(reason))
  }

  get bytesBuffered(): number {
    return this.pending === null ? this.session.connection.bytesBuffered : this.pending.bytes
  }

  /** The owner's last byte is in line behind others: it may wait only so long. */
  onEndPending(): void {
    this.local = LocalEnding
    const timeoutMs = this.session.options.streamFlushTimeoutMs
    if (timeoutMs === 0) return
    this.arm(FLUSH_TIMER, timeoutMs)
  }

  /**
   * The response is complete and the request is not. Its rest is not wanted (RFC 9113, 8.1); but most often it is on its
   * way already, and a client that is reset may drop the response with it.
   */
  linger(): void {
    this.decoder = null
    this.lingering = true
    this.arm(LINGER_TIMER, LINGER_MS)
  }

  /** Bytes of a request that has been answered. */
  onUnwanted(size: number): void {
    this.session.returnToConnection(size)
    this.unwanted += size
    if (this.unwanted > LINGER_BYTES) this.session.resetStream(this, NoError)
  }

  onTimer(kind: number): void {
    if (this.closed) return
    const flushing = kind === FLUSH_TIMER
    if (flushing) this.session.cells[HTTP2_FLUSH_TIMEOUT]! += 1
    this.session.resetStream(this, flushing ? InternalError : NoError)
  }

  private arm(kind: number, delayMs: number): void {
    const { timers } = this.session.connection.thread
    if (this.timer !== null) timers.disarm(this.timer)
    this.timer = new Timer(this, kind)
    timers.arm(this.timer, delayMs)
  }

  /** END_STREAM is on the wire. */
  onLocalEnd(): void {
    this.local = LocalEnded
    if (this.timer !== null) this.session.connection.thread.timers.disarm(this.timer)
    this.session.onLocalEnd(this)
  }

  // ---- decoding

  /** Body bytes have been handed over: the peer may send as many again, unless reading is disabled. */
  onConsumed(size: number): void {
    if (this.readDisables > 0) this.withheld += size
    else this.giveBack(size)
  }

  /** Padding and the like: never held back by readers. */
  giveBack(size: number): void {
    this.session.returnToConnection(size)
    if (this.remoteEnded || this.closed) return
    this.unreturned += size
    // In halves: a WINDOW_UPDATE for each frame would cost both sides more than the frame.
    if (this.unreturned * 2 < this.session.options.initialStreamWindowBytes) return
    this.session.writer.windowUpdate(this.id, this.unreturned)
    this.receiveWindow += this.unreturned
    this.unreturned = 0
  }

  readDisable(disable: boolean): void {
    if (disable) {
      this.readDisables++
      return
    }
    if (this.readDisables === 0 || --this.readDisables > 0 || this.withheld === 0) return
    const size = this.withheld
    this.withheld = 0
    this.giveBack(size)
  }

  // ---- watermarks

  raise(): void {
    if (++this.holds === 1 && this.local === LocalOpen) this.decoder?.onAboveWriteBufferHighWatermark()
  }

  lower(): void {
    if (--this.holds === 0 && this.local === LocalOpen) this.decoder?.onBelowWriteBufferLowWatermark()
  }

  holdByConnection(hold: boolean): void {
    if (this.heldByConnection === hold || this.closed) return
    this.heldByConnection = hold
    if (hold) this.raise()
    else this.lower()
  }

  // ---- end

  /** Leaves nothing behind. Returns bytes that nobody gave back to the connection's window. */
  release(): number {
    this.closed = true
    this.decoder = null
    if (this.timer !== null) this.session.connection.thread.timers.disarm(this.timer)
    const { withheld } = this
    this.withheld = 0
    return withheld
  }
}

function codeOf(reason: OwnReset): number {
  switch (reason) {
    case 'local_refused_stream_reset':
      return RefusedStream
    case 'protocol_error':
      return ProtocolError
    case 'connect_error':
      return ConnectError
    case 'no_error':
      return NoError
    default:
      // The code of a message that is cut short: NO_ERROR would let many a client take it for complete.
      return InternalError
  }
}
