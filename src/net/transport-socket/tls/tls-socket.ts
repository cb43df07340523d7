// HOT FILE (docs/hot-path.md): every byte of every TLS connection passes here.
import { getSystemErrorName } from 'node:util'
import { type Connection, readBufferAfterRead } from '../../connection.ts'
import type { TransportSocket } from '../../connection-contract.ts'
import type { ThreadContext } from '../../thread.ts'
import {
  type AcceptedHandle,
  readBytesOrError,
  type SocketHandle,
  shutdownRequest,
  UV_EOF,
  type WriteRequest,
} from '../stream-handle.ts'
import { type ClientHello, parseClientHello } from './client-hello.ts'
import { type TlsEngine, type TlsError, type TlsHandle, tlsEngine } from './engine.ts'
import { type OwnCertificate, TlsInfo } from './tls-info.ts'

const AwaitingHello = 0
const Handshaking = 1
const Open = 2
const Failed = 3
const Closed = 4

/** A longer ClientHello is handed to OpenSSL as it is: it has its own limit. */
const MAX_HELLO_BYTES = 65536
/** Smaller writes are not asked whether the kernel took them whole: those behind them find out. */
const LARGE_WRITE_BYTES = 16384

/** One end of TLS: knows the configuration, counts, and judges the handshake. */
export interface TlsRole {
  /** Makes the engine for a connection, or says why there is none. `hello`: what the client says first; null on a client, or when it cannot be read. */
  engage(engine: TlsEngine, socket: TlsSocket, hello: ClientHello | null): TlsHandle | string
  /** The handshake is done: fills in what is known of it. What is wrong with the peer, or null. */
  onHandshake(socket: TlsSocket, handle: TlsHandle): string | null
  /** It failed: counts it and says why. */
  onHandshakeFailure(error: TlsError, handle: TlsHandle): string
  /** The carrier broke off during the handshake, with one of the system's errors. */
  onHandshakeBroken(errno: number, code: string): string
  /** Records that OpenSSL could not make sense of after the handshake. */
  onProtocolError(error: TlsError): string
}

function onHelloRead(this: SocketHandle): undefined {
  ;(this.owner as TlsSocket).handleHelloRead(readBytesOrError())
}
function onRead(this: TlsHandle): Buffer | undefined {
  return (this.owner as TlsSocket).handleRead(readBytesOrError())
}
function onHandshakeDone(this: TlsHandle): void {
  ;(this.owner as TlsSocket).handleHandshake()
}
function onError(this: TlsHandle, error: TlsError): void {
  ;(this.owner as TlsSocket).handleError(error)
}
function onWritten(this: WriteRequest<TlsHandle>, status: number, handle: TlsHandle): void {
  ;(handle.owner as TlsSocket | null)?.handleWritten(status)
}
function onCarrierClosed(this: SocketHandle): void {
  ;(this.owner as TlsSocket).handleClosed()
}
function onShutDown(_status: number, handle: TlsHandle): void {
  ;(handle.owner as TlsSocket | null)?.handleShutDown()
}
const ignoreRead = (): undefined => undefined
const NO_BYTES = Buffer.alloc(0)

interface Queued {
  readonly bytes: Uint8Array
  readonly done: (() => void) | undefined
}

/** TLS over one TCP or pipe handle; does for a Connection what net.Socket does for plain ones. */
export class TlsSocket implements TransportSocket {
  readonly connecting = false
  writableFinished = false
  private readonly thread: ThreadContext
  private readonly role: TlsRole
  readonly carrier: SocketHandle
  readonly info = new TlsInfo()
  /** What this side shows; set by the role. */
  own: OwnCertificate | null = null
  connection!: Connection
  private handle: TlsHandle | null = null
  private state = AwaitingHello
  private buffer: Buffer
  private hello: Buffer = NO_BYTES
  private paused = true
  private stopped = false
  /** Decrypted while nobody wanted to read. */
  private held: Buffer | null = null
  private ended = false
  /** Under way: OpenSSL has the bytes, the kernel perhaps not. */
  private lastWrite: WriteRequest<TlsHandle> | null = null
  private lastDone: (() => void) | undefined = undefined
  private queue: Queued[] | null = null
  private queuedBytes = 0
  private unsentBytes = 0
  private ending = false

  constructor(thread: ThreadContext, role: TlsRole, carrier: AcceptedHandle) {
    this.thread = thread
    this.role = role
    this.carrier = carrier as SocketHandle
    this.carrier.owner = this
    this.buffer = thread.buffers.sharedRead
  }

  get localAddress(): string | undefined {
    const name: { address?: string } = {}
    this.carrier.getsockname?.(name)
    return name.address
  }

  get localPort(): number | undefined {
    const name: { port?: number } = {}
    this.carrier.getsockname?.(name)
    return name.port
  }

  // ---- handshake

  /**
   * Waits for the client's first bytes; `peeked` have come already. Reading them here, before there is an engine, picks
   * certificate and ALPN ahead, costs nothing for clients that stay silent, and lets the engine begin with small buffers.
   */
  acceptFrom(connection: Connection, peeked: Buffer): void {
    this.connection = connection
    if (peeked.length > 0 && this.takeHello(Buffer.from(peeked))) return
    this.carrier.onread = onHelloRead
    this.carrier.useUserBuffer(this.thread.buffers.sharedRead)
    this.carrier.readStart()
  }

  /** Says hello to a server. */
  connectTo(connection: Connection): void {
    this.connection = connection
    this.paused = false
    if (!this.engage(null)) return
    const handle = this.handle!
    handle.readStart()
    handle.start()
  }

  handleHelloRead(read: number): void {
    if (this.state !== AwaitingHello || read === 0) return
    if (read < 0) {
      this.handleReadFailure(read)
      return
    }
    const fresh = this.thread.buffers.sharedRead.subarray(0, read)
    this.takeHello(this.hello.length === 0 ? fresh : Buffer.concat([this.hello, fresh]))
  }

  /** True once the engine has taken over. */
  private takeHello(bytes: Buffer): boolean {
    const parsed = parseClientHello(bytes)
    if (parsed === 'more' && bytes.length < MAX_HELLO_BYTES) {
      this.hello = Buffer.from(bytes)
      return false
    }
    this.hello = NO_BYTES
    if (!this.engage(typeof parsed === 'string' ? null : parsed)) return true
    const handle = this.handle!
    handle.readStart()
    handle.receive(bytes)
    return true
  }

  private engage(hello: ClientHello | null): boolean {
    const handle = this.role.engage(tlsEngine(), this, hello)
    this.carrier.onread = ignoreRead
    if (typeof handle === 'string') {
      this.fail(handle)
      return false
    }
    handle.owner = this
    handle.onread = onRead
    handle.onhandshakedone = onHandshakeDone
    handle.onerror = onError
    handle.useUserBuffer(this.buffer)
    this.handle = handle
    this.state = Handshaking
    return true
  }

  /** Called by the engine from within its reading: nothing may be destroyed before that has returned. */
  handleHandshake(): void {
    if (this.state !== Handshaking) return
    const problem = this.role.onHandshake(this, this.handle!)
    if (problem !== null) {
      this.state = Failed
      this.connection.transportFailureReason = problem
      // OpenSSL through Node.js has no alert for it; a reset tells the peer that this was no orderly end.
      setImmediate(() => this.resetAndDestroy())
      return
    }
    this.state = Open
    const { buffers } = this.thread
    buffers.enter()
    this.connection.handleConnect()
    buffers.leave()
    if (this.state !== Open) return
    if (this.paused) this.stopReading()
    if (this.queue === null) {
      if (this.ending) this.shutDownWhenWritten()
      // More than one write has come by now: the engine takes the next one only when the first has ended.
    } else if (this.lastWriteSettled()) this.sendQueue()
  }

  handleError(error: TlsError): void {
    if (this.state === Handshaking) this.fail(this.role.onHandshakeFailure(error, this.handle!))
    else if (this.state === Open) this.fail(this.role.onProtocolError(error))
  }

  /** What the engine still has to say, an alert, goes out first. */
  private fail(reason: string): void {
    this.state = Failed
    this.connection.transportFailureReason = reason
    setImmediate(() => this.destroy())
  }

  // ---- reading

  /** Returns the buffer for the next read when it is another one. */
  handleRead(read: number): Buffer | undefined {
    if (read <= 0) {
      if (read < 0) this.handleReadFailure(read)
      return undefined
    }
    if (this.state !== Open) return undefined
    if (this.paused) {
      this.hold(read)
      return undefined
    }
    this.connection.handleRead(read, this.buffer)
    const next = readBufferAfterRead()
    if (next === this.buffer) return undefined
    this.buffer = next
    return next
  }

  /** One network read may hold several records, and the engine hands on all of them. */
  private hold(read: number): void {
    const fresh = this.buffer.subarray(0, read)
    this.held = this.held === null ? Buffer.from(fresh) : Buffer.concat([this.held, fresh])
  }

  private handleReadFailure(status: number): void {
    if (this.state >= Failed) return
    if (status !== UV_EOF || this.state !== Open) {
      if (status !== UV_EOF) this.noteBroken(status)
      this.destroy()
      return
    }
    this.ended = true
    if (this.held === null) this.deliverEnd()
  }

  private noteBroken(status: number): void {
    const code = getSystemErrorName(status)
    if (this.state === Open) this.connection.handleError({ code })
    else this.connection.transportFailureReason = this.role.onHandshakeBroken(-status, code)
  }

  private deliverEnd(): void {
    this.connection.handleEnd()
    if (this.writableFinished) this.destroy()
  }

  pause(): void {
    this.paused = true
    if (this.state === Open) this.stopReading()
  }

  /** A handshake goes on even when nobody reads yet. */
  private stopReading(): void {
    this.stopped = true
    this.handle!.readStop()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    if (this.state !== Open) return
    if (this.held !== null) setImmediate(() => this.releaseHeld())
    else this.startReading()
  }

  private startReading(): void {
    if (!this.stopped || this.ended) return
    this.stopped = false
    this.handle!.readStart()
  }

  private releaseHeld(): void {
    const { held } = this
    if (held === null || this.paused || this.state !== Open) return
    this.held = null
    this.connection.handleRead(held.length, held)
    if (this.state !== Open) return
    // The connection may have given its private buffer back: the engine must not decrypt into it any more.
    this.buffer = readBufferAfterRead()
    this.handle!.useUserBuffer(this.buffer)
    if (this.held !== null) return
    if (this.ended) this.deliverEnd()
    else if (!this.paused) this.startReading()
  }

  // ---- writing

  get writableLength(): number {
    return this.queuedBytes + this.unsentBytes
  }

  write(bytes: Uint8Array, done?: () => void): void {
    if (this.state >= Failed) done?.()
    else if (this.state === Open && this.queue === null && this.lastWriteSettled()) this.send(bytes, done)
    else this.enqueue(bytes, done)
  }

  /**
   * The engine takes one write at a time and ends it a turn later. Nobody is called back for it: by the next write of this
   * connection it has almost always ended, and its status says so. (-1 us per response: bench tls)
   */
  private lastWriteSettled(): boolean {
    if (this.lastWrite === null) return true
    if (this.lastWrite.writeStatus === null) return false
    this.lastWrite = null
    return true
  }

  /** OpenSSL has encrypted or copied the bytes when this returns: their buffer is free again. */
  private send(bytes: Uint8Array, done: (() => void) | undefined): void {
    const request = this.handle!.writeBuffer(null, bytes)
    if (typeof request === 'number' || request.writeStatus !== null) {
      done?.()
      return
    }
    this.lastWrite = request
    if (bytes.length >= LARGE_WRITE_BYTES) this.unsentBytes = this.carrier.writeQueueSize
    if (this.unsentBytes > 0) {
      this.lastDone = done
      request.oncomplete = onWritten
    } else done?.()
  }

  private enqueue(bytes: Uint8Array, done: (() => void) | undefined): void {
    const { output } = this.thread.buffers
    const kept = bytes.buffer === output.buffer ? Buffer.copyBytesFrom(bytes) : bytes
    if (this.queue === null) this.queue = [{ bytes: kept, done }]
    else this.queue.push({ bytes: kept, done })
    this.queuedBytes += kept.length
    if (this.lastWrite !== null) this.lastWrite.oncomplete = onWritten
  }

  handleWritten(status: number): void {
    const done = this.lastDone
    this.lastWrite = null
    this.lastDone = undefined
    this.unsentBytes = 0
    done?.()
    if (this.state !== Open) return
    if (status < 0) {
      this.connection.handleError({ code: getSystemErrorName(status) })
      this.destroy()
      return
    }
    if (this.queue !== null) this.sendQueue()
    else if (this.ending) this.shutDownWhenWritten()
    if (this.writableLength === 0) this.connection.handleDrain()
  }

  private sendQueue(): void {
    const queue = this.queue!
    this.queue = null
    this.queuedBytes = 0
    const joined = queue.length === 1 ? queue[0]!.bytes : Buffer.concat(queue.map(({ bytes }) => bytes))
    this.send(joined, undefined)
    for (const { done } of queue) done?.()
    // Those who wait for room, or for the end, hear of it when this write has ended.
    if (this.lastWrite !== null) this.lastWrite.oncomplete = onWritten
  }

  end(): void {
    if (this.ending || this.state >= Failed) return
    this.ending = true
    this.shutDownWhenWritten()
  }

  /** Sends close_notify and a FIN. The engine would let the FIN overtake a write under way. */
  private shutDownWhenWritten(): void {
    if (this.state !== Open || this.queue !== null) return
    if (!this.lastWriteSettled()) {
      this.lastWrite!.oncomplete = onWritten
      return
    }
    if (this.handle!.shutdown(shutdownRequest(onShutDown)) !== 0) this.handleShutDown()
  }

  handleShutDown(): void {
    if (this.state === Closed || this.writableFinished) return
    this.writableFinished = true
    this.connection.handleFinish()
    if (this.ended && this.held === null) this.destroy()
  }

  // ---- the end

  destroy(): void {
    if (this.state === Closed) return
    this.state = Closed
    this.carrier.onread = ignoreRead
    this.carrier.close(onCarrierClosed)
  }

  resetAndDestroy(): void {
    if (this.state === Closed) return
    if (this.carrier.reset === undefined) {
      this.destroy()
      return
    }
    this.state = Closed
    this.carrier.onread = ignoreRead
    if (this.carrier.reset(onCarrierClosed) !== 0) this.carrier.close(onCarrierClosed)
  }

  handleClosed(): void {
    const { handle, queue, lastDone } = this
    lastDone?.()
    if (queue !== null) for (const { done } of queue) done?.()
    this.queue = null
    this.connection.handleClose()
    this.info.detach()
    this.carrier.owner = null
    if (handle === null) return
    this.handle = null
    handle.owner = null
    handle.destroySSL()
  }
}
