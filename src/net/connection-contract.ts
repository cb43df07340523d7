// What stands around a connection: who reads from it, who hears of its buffers, the socket below.
import type { CloseEvent } from './close-kind.ts'

/** Gets what a connection receives. `onClose` comes exactly once, last. */
export interface ConnectionReader {
  /** Bytes [start, end), valid only during the call. */
  onData(data: Buffer, start: number, end: number): void
  /** The peer has sent its FIN. Without half-close support the reader closes the connection. */
  onEnd(): void
  /** An outgoing connection is established. */
  onConnected(): void
  /** `errno`: the system's code, or why the transport failed. */
  onClose(event: CloseEvent, errno: string | null): void
}

export interface WatermarkCallbacks {
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
}

/** What a connection needs of its socket. */
export interface TransportSocket {
  readonly connecting: boolean
  /** Bytes written but not yet taken by the kernel. */
  readonly writableLength: number
  readonly writableFinished: boolean
  /** `done` comes when the kernel has taken the bytes, or the socket is gone. */
  write(bytes: Uint8Array, done?: () => void): unknown
  end(): unknown
  pause(): unknown
  resume(): unknown
  destroy(): unknown
  resetAndDestroy(): unknown
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}
