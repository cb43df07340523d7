// libuv's streams as Node.js wraps them, one floor below net.Socket; see docs/adr/0001-node-sockets-and-one-write-per-turn.md.

/** libuv's 'end of file'. */
export const UV_EOF = -4095

/** An accepted TCP or pipe handle, as libuv gives it. */
export type AcceptedHandle = object & {
  readonly fd?: number
  setNoDelay?(on: boolean): number
  setKeepAlive?(on: boolean, idleS: number, intervalS: number, probes: number): number
  close(): void
}

/** What any stream of Node.js can do, a TCP connection or TLS over one. */
export interface StreamHandle<Self> {
  /** Keeps the owner alive for as long as the event loop keeps the handle. */
  owner: object | null
  /** Told by `streamState()` how many bytes came; may return the buffer for the next ones. */
  onread: (this: Self) => Buffer | undefined
  useUserBuffer(buffer: Buffer): void
  readStart(): number
  readStop(): number
  /** A number: 0 when all bytes are taken, or what is wrong. */
  writeBuffer(request: null, bytes: Uint8Array): WriteRequest<Self> | number
  shutdown(request: ShutdownRequest<Self>): number
}

/** The handle of a socket. */
export interface SocketHandle extends StreamHandle<SocketHandle>, AcceptedHandle {
  readonly writeQueueSize: number
  close(callback?: (this: SocketHandle) => void): void
  /** Missing on pipes. */
  reset?(callback: (this: SocketHandle) => void): number
  getsockname?(into: { address?: string; port?: number }): number
}

/** A write under way: the status stays null until the bytes are in the kernel, when nobody listens. */
export interface WriteRequest<Handle> {
  writeStatus: number | null
  /** For the writer: what must live as long as the write. */
  buffer: Uint8Array | null
  callback: (() => void) | null
  oncomplete?: (this: WriteRequest<Handle>, status: number, handle: Handle) => void
}

export interface ShutdownRequest<Handle> {
  oncomplete: ((this: ShutdownRequest<Handle>, status: number, handle: Handle) => void) | undefined
}

interface StreamBinding {
  readonly ShutdownWrap: new () => object
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
}

const binding = (process as unknown as { binding(name: 'stream_wrap'): StreamBinding }).binding('stream_wrap')
const { ShutdownWrap, streamBaseState, kReadBytesOrError } = binding

/** Within `onread`: how many bytes have been read, or a negative error. */
export function readBytesOrError(): number {
  return streamBaseState[kReadBytesOrError]!
}

export function shutdownRequest<Handle>(
  oncomplete: (this: ShutdownRequest<Handle>, status: number, handle: Handle) => void,
): ShutdownRequest<Handle> {
  const request = new ShutdownWrap() as ShutdownRequest<Handle>
  request.oncomplete = oncomplete
  return request
}
