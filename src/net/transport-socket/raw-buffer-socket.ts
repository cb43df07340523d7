// HOT FILE (docs/hot-path.md): every byte of every plain connection passes here.
import { getSystemErrorName } from 'node:util'
import { type Connection, readBufferAfterRead } from '../connection.ts'
import type { TransportSocket } from '../connection-contract.ts'
import type { ThreadContext } from '../thread.ts'
import {
  type AcceptedHandle,
  readBytesOrError,
  type SocketHandle,
  shutdownRequest,
  UV_EOF,
  type WriteRequest,
} from './stream-handle.ts'

function onRead(this: SocketHandle): Buffer | undefined {
  return (this.owner as RawBufferSocket).handleRead(readBytesOrError())
}
function onWritten(this: WriteRequest<SocketHandle>, status: number, handle: SocketHandle): void {
  this.callback?.()
  ;(handle.owner as RawBufferSocket | null)?.handleWritten(status)
}
function onShutDown(_status: number, handle: SocketHandle): void {
  ;(handle.owner as RawBufferSocket | null)?.handleShutDown()
}
function onClosed(this: SocketHandle): void {
  const socket = this.owner as RawBufferSocket
  this.owner = null
  socket.connection.handleClose()
}
function failLater(socket: RawBufferSocket, status: number): void {
  socket.fail(status)
}
const ignoreRead = (): undefined => undefined

/** A TCP or pipe handle whose bytes go through as they are (Envoy: RawBufferSocket). */
export class RawBufferSocket implements TransportSocket {
  readonly connecting = false
  writableFinished = false
  connection!: Connection
  /** Null once it is closed, or has another owner. */
  private handle: SocketHandle | null
  private buffer: Buffer
  private reading = false
  private ended = false
  private writesUnderWay = 0

  constructor(thread: ThreadContext, handle: AcceptedHandle) {
    const own = handle as SocketHandle
    this.handle = own
    this.buffer = thread.buffers.sharedRead
    own.owner = this
    own.onread = onRead
    own.useUserBuffer(this.buffer)
  }

  get localAddress(): string | undefined {
    const name: { address?: string } = {}
    this.handle?.getsockname?.(name)
    return name.address
  }

  get localPort(): number | undefined {
    const name: { port?: number } = {}
    this.handle?.getsockname?.(name)
    return name.port
  }

  // ---- reading

  resume(): void {
    const { handle } = this
    if (this.reading || this.ended || handle === null) return
    this.reading = true
    const status = handle.readStart()
    if (status < 0) process.nextTick(failLater, this, status)
  }

  pause(): void {
    if (!this.reading) return
    this.reading = false
    this.handle?.readStop()
  }

  /** Returns the buffer for the next read when it is another one. */
  handleRead(read: number): Buffer | undefined {
    if (read > 0) {
      this.connection.handleRead(read, this.buffer)
      const next = readBufferAfterRead()
      if (next === this.buffer) return undefined
      this.buffer = next
      return next
    }
    if (read === UV_EOF) this.handleEnd()
    else if (read < 0) this.fail(read)
    return undefined
  }

  private handleEnd(): void {
    this.pause()
    this.ended = true
    this.connection.handleEnd()
    if (this.writableFinished) this.destroy()
  }

  // ---- writing

  /** Almost always the kernel takes all of it at once, and nothing is left behind. */
  write(bytes: Uint8Array, done?: () => void): void {
    const request = this.handle === null ? 0 : this.handle.writeBuffer(null, bytes)
    if (typeof request === 'number') {
      done?.()
      if (request < 0) process.nextTick(failLater, this, request)
      return
    }
    this.writesUnderWay++
    request.buffer = bytes
    request.callback = done ?? null
    request.oncomplete = onWritten
  }

  get writableLength(): number {
    return this.writesUnderWay === 0 || this.handle === null ? 0 : this.handle.writeQueueSize
  }

  handleWritten(status: number): void {
    this.writesUnderWay--
    if (status < 0) this.fail(status)
    else if (this.writesUnderWay === 0) this.connection.handleDrain()
  }

  /** libuv sends the FIN when all writes are done. */
  end(): void {
    const { handle } = this
    if (handle !== null && handle.shutdown(shutdownRequest(onShutDown)) !== 0) this.handleShutDown()
  }

  handleShutDown(): void {
    if (this.handle === null || this.writableFinished) return
    this.writableFinished = true
    this.connection.handleFinish()
    if (this.ended) this.destroy()
  }

  // ---- the end

  fail(status: number): void {
    if (this.handle === null) return
    this.connection.handleError({ code: getSystemErrorName(status) })
    this.destroy()
  }

  destroy(): void {
    this.release()?.close(onClosed)
  }

  resetAndDestroy(): void {
    const handle = this.release()
    if (handle === null || handle.reset?.(onClosed) === 0) return
    // Neither pipes nor connections half-closed by this side can be reset.
    handle.close(onClosed)
  }

  /** Gives the handle to another transport; null when it is closed already. */
  detach(): AcceptedHandle | null {
    this.pause()
    return this.release()
  }

  private release(): SocketHandle | null {
    const { handle } = this
    if (handle === null) return null
    this.handle = null
    handle.onread = ignoreRead
    return handle
  }
}
