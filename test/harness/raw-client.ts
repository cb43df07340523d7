import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const GIVE_UP_MS = 5_000

/** A TCP client that sends exact bytes and keeps everything it gets, as latin1 text: one character per byte. */
export class RawClient {
  readonly socket: Socket
  received = ''
  /** Whether the peer has closed its side, cleanly or with a reset. */
  ended = false
  private waiting: (() => void) | null = null

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', text => {
      this.received += text
      this.waiting?.()
    })
    const end = () => {
      this.ended = true
      this.waiting?.()
    }
    // A reset counts as an end: what matters is what came before it.
    socket.on('end', end).on('error', end).on('close', end)
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect', { signal: AbortSignal.timeout(GIVE_UP_MS) })
    return new RawClient(socket)
  }

  /** The same over a socket that is connected or about to be, such as a TLS one. */
  static over(socket: Socket): RawClient {
    return new RawClient(socket)
  }

  send(bytes: string | Uint8Array): void {
    if (this.socket.writable) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Half-closes. */
  end(): void {
    this.socket.end()
  }

  /** Resolves once `enough` holds or the peer has closed; rejects when neither comes. */
  async until(enough: (received: string) => boolean): Promise<string> {
    const deadline = Date.now() + GIVE_UP_MS
    while (!enough(this.received) && !this.ended) {
      const more = new Promise<void>(resolve => {
        this.waiting = resolve
      })
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`nothing more came after ${JSON.stringify(this.received.slice(-400))}`)
      let timer: NodeJS.Timeout | undefined
      await Promise.race([more, new Promise(resolve => (timer = setTimeout(resolve, left)))])
      clearTimeout(timer)
    }
    return this.received
  }

  untilEnd(): Promise<string> {
    return this.until(() => false)
  }

  close(): void {
    this.socket.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** One connection: sends `bytes`, returns all that came until the peer closed. */
export async function exchange(port: number, bytes: string | Uint8Array): Promise<string> {
  using client = await RawClient.connect(port)
  client.send(bytes)
  return await client.untilEnd()
}
