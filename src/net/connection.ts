// HOT FILE (docs/hot-path.md): every byte of every connection passes here.
import { Timer } from '../base/index.ts'
import type { ConnectionInfo, SslConnectionInfo } from '../observability/index.ts'
import { formatHostPort } from './address.ts'
import { writeTaken } from './bulk-write.ts'
import {
  CloseAbort,
  type CloseEvent,
  CloseFlush,
  CloseFlushAndDelay,
  CloseFlushAndHold,
  type CloseKind,
  CloseNoFlush,
} from './close-kind.ts'
import type { ConnectionReader, TransportSocket, WatermarkCallbacks } from './connection-contract.ts'
import type { ThreadContext } from './thread.ts'
import { SHARED_READ_BYTES } from './thread-buffers.ts'

const Connecting = 0
const Open = 1
const Closing = 2
const Closed = 3

const DISCARD_TIMER = 0

// Which buffer the socket that has just been read from uses next. It asks right after the read callback, all within one
// synchronous call, so one variable per thread does.
let nextReadBuffer: Buffer = Buffer.alloc(0)

const NO_BYTES = Buffer.alloc(0)
let lastConnectionId = 0

/** One TCP or pipe connection, downstream or upstream. */
export class Connection {
  readonly id: number
  readonly thread: ThreadContext
  /** Replaced when a transport such as TLS begins behind the first bytes. */
  socket: TransportSocket
  /** Downstream connections carry their addresses here; set by the listener. */
  info: ConnectionInfo | null = null
  /** TLS facts; null on a connection without TLS. */
  ssl: SslConnectionInfo | null = null
  /** Why the transport failed, in Envoy's words; null where it did not. */
  transportFailureReason: string | null = null
  /** Of an outgoing connection: begins the transport once TCP is connected; onConnected comes when it is done. */
  startTransport: ((connection: Connection) => void) | null = null
  /** What ALPN agreed on; '' before the handshake, without TLS and without ALPN. */
  nextProtocol = ''
  reader: ConnectionReader | null = null
  watermarkCallbacks: WatermarkCallbacks | null = null
  /** Set by a codec that knows whether a large body follows: next reads may use a private large buffer. */
  expectBulk = false
  /** The node's error code behind the close, such as ECONNRESET. */
  errno: string | null = null
  /** Byte counters: added to `statCells[rxSlot]` and `[txSlot]` as bytes pass. */
  statCells: Float64Array | null = null
  rxSlot = 0
  txSlot = 0
  /** close() waited for the peer until its delay was over. */
  closeTimedOut = false
  bytesRead = 0
  bytesWritten = 0
  /** Of an outgoing connection, as Clock.now; -1 until reached. */
  connectStartMs = -1
  connectedMs = -1
  private knownLocalAddress: string | null = null
  private state: number
  private readDisableCount = 0
  /** One of the holds is its own, until the turn is over. */
  private yields = false
  /** Bytes [pendingStart, pendingEnd) of this buffer wait for the end of the turn; by then the thread may have another. */
  private pendingBuffer: Buffer = NO_BYTES
  private pendingStart = 0
  private pendingEnd = 0
  private dirty = false
  /** It writes once per turn of the event loop, not per callback: what comes for it from many sockets leaves together. */
  private batches = false
  /** Its pending bytes stand here and not in the thread's output buffer. */
  private batch: Buffer | null = null
  /** WriteBatches has it in its list. */
  inBatchedList = false
  private privateBuffer: Buffer | null = null
  private highWatermark = 0
  private aboveHigh = false
  /** The last read filled its buffer: the kernel may hold more. */
  private readFull = false
  private endAfterFlush = false
  private closeKind: CloseKind = CloseNoFlush
  private closeEvent: CloseEvent = 'remote'
  private discardTimer: Timer | null = null
  private peerEnded = false

  constructor(thread: ThreadContext, socket: TransportSocket, connecting: boolean) {
    this.id = ++lastConnectionId
    this.thread = thread
    this.socket = socket
    this.state = connecting ? Connecting : Open
    if (connecting) this.connectStartMs = thread.clock.now
  }

  get connecting(): boolean {
    return this.state === Connecting
  }

  get open(): boolean {
    return this.state === Open
  }

  /** True from the call of close() on. */
  get closing(): boolean {
    return this.state >= Closing
  }

  get closed(): boolean {
    return this.state === Closed
  }

  // ---- reading

  handleRead(size: number, buffer: Buffer): void {
    const { buffers, clock } = this.thread
    this.bytesRead += size
    if (this.statCells !== null) this.statCells[this.rxSlot]! += size
    this.readFull = size === buffer.length
    if (this.state === Closing) {
      nextReadBuffer = buffers.sharedRead
      if (this.closeKind === CloseFlushAndHold && !this.readFull) this.socket.pause()
      return
    }
    clock.update()
    buffers.enter()
    const isPrivate = buffer === this.privateBuffer
    if (isPrivate) buffers.offer(buffer)
    this.reader?.onData(buffer, 0, size)
    buffers.leave()
    if (isPrivate && buffers.wasTaken()) this.privateBuffer = null
    nextReadBuffer = this.chooseReadBuffer(size)
  }

  /** Bulk goes through private buffers that a write may keep; everything else through the thread's shared one. */
  private chooseReadBuffer(size: number): Buffer {
    const { buffers } = this.thread
    const bulk = this.expectBulk && this.state === Open && size >= SHARED_READ_BYTES / 2
    if (bulk) this.privateBuffer ??= buffers.acquireBulk()
    else if (this.privateBuffer !== null) this.dropPrivateBuffer(this.privateBuffer)
    return this.privateBuffer ?? buffers.sharedRead
  }

  private dropPrivateBuffer(buffer: Buffer): void {
    this.privateBuffer = null
    this.thread.buffers.releaseBulk(buffer)
  }

  /** A counter: each `true` must be met by a `false`. Reading goes on when nobody holds it back. */
  readDisable(disable: boolean): void {
    if (disable) {
      if (++this.readDisableCount === 1 && this.state <= Open) this.socket.pause()
    } else if (--this.readDisableCount === 0 && this.state <= Open) this.socket.resume()
  }

  get readDisabled(): boolean {
    return this.readDisableCount > 0
  }

  /** Is not read again in this turn of the event loop: libuv would go on for 32 buffers while everybody else waits. */
  yieldReading(): void {
    if (this.yields || this.state !== Open) return
    this.yields = true
    this.readDisable(true)
    setImmediate(endYield, this)
  }

  endYield(): void {
    this.yields = false
    if (this.readDisableCount > 0) this.readDisable(false)
  }

  handleEnd(): void {
    this.peerEnded = true
    if (this.state === Closing) {
      // Both sides are done: nothing is left to linger for.
      if (this.closeKind === CloseFlushAndHold) this.socket.end()
      else if (this.closeKind === CloseFlushAndDelay && this.socket.writableFinished) this.socket.destroy()
      return
    }
    this.thread.clock.update()
    this.thread.buffers.enter()
    this.reader?.onEnd()
    this.thread.buffers.leave()
  }

  // ---- writing

  /** From now on what it writes leaves once per turn of the event loop: for protocols that carry many streams. */
  batchWrites(): void {
    this.batches = true
  }

  /**
   * Room for `max` bytes in an output buffer, directly behind what this connection has pending there. Returns the position
   * to write at in `thread.buffers.output` (read that field after this call); `commit` ends it.
   */
  reserve(max: number): number {
    const { buffers } = this.thread
    if (this.batches && this.hasBatchFor(max)) {
      buffers.outputOwner = this
      buffers.output = this.pendingBuffer
      return this.pendingEnd
    }
    if (buffers.outputOwner !== this) {
      if (this.pendingEnd > this.pendingStart) this.writePending()
      buffers.outputOwner = this
      buffers.output = buffers.sharedOutput
      this.pendingBuffer = buffers.output
      this.pendingStart = this.pendingEnd = buffers.outputPosition
    }
    if (buffers.output.length - buffers.outputPosition < max) {
      if (this.pendingEnd > this.pendingStart) {
        this.writePending()
        // So much within one callback: whoever makes it must learn at once that the peer does not take it.
        if (this.socket.writableLength > 0) this.checkWatermark()
      }
      // Others' pending bytes may still stand in the old buffer: it lives until they are written.
      if (buffers.output.length - buffers.outputPosition < max) buffers.giveAwayOutput(max)
      buffers.outputOwner = this
      this.pendingBuffer = buffers.output
      this.pendingStart = this.pendingEnd = buffers.outputPosition
    }
    return buffers.outputPosition
  }

  /** Whether what comes may stand in a batch: not behind bytes in the shared buffer, nor when there are too many batches. */
  private hasBatchFor(max: number): boolean {
    const { batches } = this.thread.buffers
    const { batch } = this
    if (batch === null) {
      if (this.pendingEnd > this.pendingStart) return false
      this.batch = batches.acquire(max)
      if (this.batch === null) return false
      this.pendingBuffer = this.batch
      this.pendingStart = this.pendingEnd = 0
      return true
    }
    if (batch.length - this.pendingEnd >= max) return true
    const larger = batches.acquire(this.pendingEnd + max)
    if (larger === null) {
      if (this.pendingEnd > 0) {
        this.writePending()
        // So much in one callback is bulk: its end looks at the watermark, which may be over again when the turn ends.
        this.flushAfterCallback()
      } else this.closeBatch(true)
      return this.hasBatchFor(max)
    }
    batch.copy(larger, 0, 0, this.pendingEnd)
    batches.release(batch, true)
    this.batch = this.pendingBuffer = larger
    return true
  }

  private closeBatch(reusable: boolean): void {
    this.thread.buffers.batches.release(this.batch as Buffer, reusable)
    this.batch = null
    this.pendingBuffer = NO_BYTES
    this.pendingStart = this.pendingEnd = 0
  }

  /** `end`: position after the last byte written since `reserve`. */
  commit(end: number): void {
    const { buffers } = this.thread
    this.pendingEnd = end
    if (this.batch !== null) {
      if (!this.inBatchedList) buffers.batches.add(this)
      return
    }
    buffers.outputPosition = end
    this.flushAfterCallback()
  }

  private flushAfterCallback(): void {
    if (this.dirty) return
    this.dirty = true
    this.thread.buffers.markDirty(this)
  }

  /** Sends bytes [start, end). They are copied, unless they are the private read buffer being dispatched. */
  write(bytes: Buffer, start: number, end: number): void {
    if (this.state >= Closing) return
    const { buffers } = this.thread
    const size = end - start
    const isTaken = size > 32768 && buffers.take(bytes)
    if (isTaken || size > buffers.outputCapacity >> 1) {
      if (this.pendingEnd > this.pendingStart) this.writePending()
      this.count(size)
      if (isTaken) writeTaken(this.socket, buffers, bytes, start, end)
      else this.socket.write(Buffer.copyBytesFrom(bytes, start, size) as Buffer)
      this.checkWatermark()
      return
    }
    const at = this.reserve(size)
    // Small copies are cheaper in JavaScript than the call into native code. (bench: l4-small)
    if (size < 48) {
      const { output } = buffers
      for (let i = 0; i < size; i++) output[at + i] = bytes[start + i]!
    } else bytes.copy(buffers.output, at, start, end)
    this.commit(at + size)
  }

  /** Sends a string of latin1 characters, such as a prepared head. */
  writeString(text: string): void {
    if (this.state >= Closing) return
    const at = this.reserve(text.length)
    this.commit(at + this.thread.buffers.output.latin1Write(text, at))
  }

  private count(size: number): void {
    this.bytesWritten += size
    if (this.statCells !== null) this.statCells[this.txSlot]! += size
  }

  /** Hands the pending bytes to the socket. */
  private writePending(): void {
    const { buffers } = this.thread
    const bytes = this.pendingBuffer
    const start = this.pendingStart
    const end = this.pendingEnd
    this.pendingStart = this.pendingEnd = 0
    // What this connection writes next in the same turn stands behind these bytes and is another piece.
    if (buffers.outputOwner === this) buffers.outputOwner = null
    this.count(end - start)
    const { socket } = this
    // Behind a stalled write, or before the connection stands, a copy keeps the large output buffer free.
    const copies = socket.writableLength > 0 || this.state === Connecting
    socket.write(copies ? (Buffer.copyBytesFrom(bytes, start, end - start) as Buffer) : bytes.subarray(start, end))
    // What the kernel did not take at once keeps its buffer.
    const isFree = copies || socket.writableLength === 0
    if (this.batch !== null) this.closeBatch(isFree)
    else if (!isFree && bytes === buffers.sharedOutput) buffers.giveAwayOutput()
  }

  /** Called by ThreadBuffers once per turn. */
  flushPending(): void {
    this.dirty = false
    if (this.pendingEnd > this.pendingStart) {
      if (this.state === Closed) this.pendingStart = this.pendingEnd = 0
      else this.writePending()
    } else if (this.batch !== null) this.closeBatch(true)
    if (this.endAfterFlush) {
      this.endAfterFlush = false
      this.socket.end()
    }
    if (this.socket.writableLength > 0) this.checkWatermark()
  }

  /** Half-closes after what is buffered. */
  endWrite(): void {
    if (this.state >= Closing || this.endAfterFlush) return
    this.endAfterFlush = true
    this.flushAfterCallback()
  }

  /** Bytes written but not yet taken by the kernel. */
  get bytesBuffered(): number {
    return this.socket.writableLength + (this.pendingEnd - this.pendingStart)
  }

  /** Soft limit of `bytesBuffered`; 0: none. */
  setBufferLimits(bytes: number): void {
    this.highWatermark = bytes
  }

  get highWatermarkBytes(): number {
    return this.highWatermark
  }

  private checkWatermark(): void {
    if (this.aboveHigh || this.highWatermark === 0 || this.socket.writableLength <= this.highWatermark) return
    this.aboveHigh = true
    this.watermarkCallbacks?.onAboveWriteBufferHighWatermark()
  }

  get aboveHighWatermark(): boolean {
    return this.aboveHigh
  }

  handleDrain(): void {
    if (!this.aboveHigh) return
    this.thread.clock.update()
    this.aboveHigh = false
    this.thread.buffers.enter()
    this.watermarkCallbacks?.onBelowWriteBufferLowWatermark()
    this.thread.buffers.leave()
  }

  // ---- life

  /** This side's 'ip:port'; null: of a pipe, or it was never asked for while it stood. The kernel is asked once. */
  get localAddress(): string | null {
    if (this.knownLocalAddress === null) {
      const { localAddress, localPort = 0 } = this.socket
      if (localAddress !== undefined) this.knownLocalAddress = formatHostPort(localAddress, localPort)
    }
    return this.knownLocalAddress
  }

  handleConnect(): void {
    if (this.state !== Connecting) return
    const { startTransport } = this
    this.thread.clock.update()
    if (this.connectedMs < 0) this.connectedMs = this.thread.clock.now
    if (startTransport !== null) {
      this.startTransport = null
      startTransport(this)
      return
    }
    this.state = Open
    this.thread.buffers.enter()
    this.reader?.onConnected()
    this.thread.buffers.leave()
    if (this.readDisableCount > 0) this.socket.pause()
  }

  handleError({ code, message = 'unknown' }: { readonly code?: string | undefined; readonly message?: string }): void {
    this.errno ??= code ?? message
  }

  /**
   * Ends the connection; the reader's onClose follows, never within this call. `delayMs` bounds how long
   * CloseFlush and CloseFlushAndDelay wait for the peer.
   */
  close(kind: CloseKind, delayMs = 1000): void {
    if (this.state >= Closing) return
    const unsent = this.bytesBuffered > 0
    this.closeEvent = 'local'
    this.closeKind = kind
    if (this.state === Connecting || kind === CloseNoFlush || kind === CloseAbort || (kind === CloseFlush && !unsent)) {
      this.state = Closing
      if (kind === CloseAbort && !this.socket.connecting) this.socket.resetAndDestroy()
      else this.socket.destroy()
      return
    }
    this.discardTimer = new Timer(this, DISCARD_TIMER)
    this.thread.timers.arm(this.discardTimer, Math.max(delayMs, 1))
    this.endAfterFlush = kind !== CloseFlushAndHold
    const holds = kind === CloseFlushAndHold && !this.readFull
    // What still arrives is read and dropped, so that unread bytes do not turn the close into a reset.
    if (holds) this.socket.pause()
    else if (this.readDisableCount > 0) {
      this.readDisableCount = 0
      this.socket.resume()
    }
    this.flushAfterCallback()
    this.state = Closing
  }

  /** Ends the connection because the peer did: its FIN counts as the end of both halves. */
  closeByPeer(): void {
    if (this.state >= Closing) return
    this.closeEvent = 'remote'
    this.state = Closing
    this.socket.destroy()
  }

  handleFinish(): void {
    if (this.state !== Closing) return
    if (this.closeKind === CloseFlush || this.peerEnded) this.socket.destroy()
  }

  onTimer(_kind: number): void {
    this.closeTimedOut = true
    this.socket.destroy()
  }

  handleClose(): void {
    if (this.state === Closed) return
    const event: CloseEvent = this.state === Closing ? this.closeEvent : 'remote'
    this.state = Closed
    if (this.errno === 'ECONNRESET' && this.info !== null) this.info.detectedCloseType = 'RemoteReset'
    if (this.batch !== null) this.closeBatch(true)
    if (this.discardTimer !== null) this.thread.timers.disarm(this.discardTimer)
    if (this.privateBuffer !== null) this.dropPrivateBuffer(this.privateBuffer)
    this.thread.clock.update()
    this.thread.buffers.enter()
    this.reader?.onClose(event, this.transportFailureReason ?? this.errno)
    this.thread.buffers.leave()
  }
}

/** The buffer that the next read goes to, as the connection that has just been read from wants it. */
export function readBufferAfterRead(): Buffer {
  return nextReadBuffer
}

function endYield(connection: Connection): void {
  connection.endYield()
}
