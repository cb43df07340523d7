import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import tls from 'node:tls'
import { CLIENT_PREFACE } from '../../src/http/codec/http2/constants.ts'
import { type Frame, settings } from '../../src/http/codec/http2/testing/frames.ts'

const GIVE_UP_MS = 5_000
/** Frames of a flood are not worth keeping. */
const KEPT = 10_000

/** What a client sends first: the preface and SETTINGS with these parameters. */
export const http2Start = (...parameters: readonly (readonly [id: number, value: number])[]): Buffer =>
  Buffer.concat([CLIENT_PREFACE, settings(...parameters)])

/** An HTTP/2 peer that sends exact bytes and keeps the frames that it gets; it answers nothing by itself. */
export class RawHttp2 {
  readonly socket: Socket
  readonly frames: Frame[] = []
  received = 0
  /** Whether the peer has closed, cleanly or not. */
  ended = false
  private rest: Buffer = Buffer.alloc(0)
  private waiting: (() => void) | null = null

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', bytes => this.take(bytes as Buffer))
    const end = (): void => {
      this.ended = true
      this.waiting?.()
    }
    socket.on('end', end).on('error', end).on('close', end)
  }

  static async connect(port: number, secured = false): Promise<RawHttp2> {
    const host = '127.0.0.1'
    const socket = secured
      ? tls.connect({ port, host, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      : connect({ port, host, noDelay: true })
    await once(socket, secured ? 'secureConnect' : 'connect', { signal: AbortSignal.timeout(GIVE_UP_MS) })
    return new RawHttp2(socket)
  }

  /** The same over a socket that a server has accepted. */
  static over(socket: Socket): RawHttp2 {
    return new RawHttp2(socket)
  }

  /** False: the kernel has not taken all that was sent. */
  send(...pieces: readonly Uint8Array[]): boolean {
    return !this.socket.writable || this.socket.write(Buffer.concat(pieces))
  }

  /** Resolves once `enough` holds or the peer has closed; tells whether it holds. */
  async until(enough: (frames: readonly Frame[]) => boolean, ms = GIVE_UP_MS): Promise<boolean> {
    const deadline = performance.now() + ms
    while (!enough(this.frames)) {
      const left = deadline - performance.now()
      if (this.ended || left <= 0) return enough(this.frames)
      const more = Promise.withResolvers<void>()
      this.waiting = more.resolve
      const timer = setTimeout(more.resolve, left)
      await more.promise
      clearTimeout(timer)
    }
    return true
  }

  /** Resolves once the peer has closed; false: it has not, in time. */
  async untilEnd(ms = GIVE_UP_MS): Promise<boolean> {
    await this.until(() => false, ms)
    return this.ended
  }

  close(): void {
    this.socket.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private take(bytes: Buffer): void {
    this.received += bytes.length
    let rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes])
    if (rest.subarray(0, 3).toString('latin1') === 'PRI') rest = rest.subarray(CLIENT_PREFACE.length)
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const size = 9 + rest.readUIntBE(0, 3)
      if (this.frames.length < KEPT) {
        const [type, flags, id] = [rest[3]!, rest[4]!, rest.readUInt32BE(5) & 0x7fffffff]
        this.frames.push({ type, flags, id, payload: rest.subarray(9, size) })
      }
      rest = rest.subarray(size)
    }
    this.rest = rest
    this.waiting?.()
  }
}
