import { once } from 'node:events'
import net from 'node:net'

/** One end of a connection that keeps all it gets and waits for events, not for time. */
export class Peer {
  readonly socket: net.Socket
  received = Buffer.alloc(0)
  ended = false
  closed = false
  errno: string | null = null

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errno = error.code ?? error.message
    })
    socket.on('close', () => {
      this.closed = true
    })
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'))
  }

  /** Waits until `text` is all that has come. */
  async expect(text: string): Promise<void> {
    while (this.received.length < Buffer.byteLength(text, 'latin1')) {
      if (this.ended || this.closed) throw new Error(`ended after ${JSON.stringify(this.received.toString('latin1'))}`)
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')])
    }
    if (this.received.toString('latin1') !== text) {
      throw new Error(`expected ${JSON.stringify(text)}, got ${JSON.stringify(this.received.toString('latin1'))}`)
    }
  }

  /** Waits for the other side's FIN. */
  async end(): Promise<void> {
    if (!this.ended) await once(this.socket, 'end')
  }

  /** Waits until the other side has ended the connection, cleanly or with a reset. */
  async gone(): Promise<void> {
    while (!this.ended && !this.closed) {
      await new Promise<void>(resolve => {
        this.socket.once('end', resolve)
        this.socket.once('close', () => resolve())
      })
    }
    this.socket.destroy()
  }
}

export async function client(port: number, options: object = {}): Promise<Peer> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, ...options })
  await once(socket, 'connect')
  return new Peer(socket)
}

/** A TCP origin that hands out what it accepts. */
export class Origin {
  readonly server: net.Server
  private readonly waiting: ((peer: Peer) => void)[] = []
  private readonly accepted: Peer[] = []
  readonly all: Peer[] = []

  constructor(onConnection?: (socket: net.Socket) => void) {
    this.server = net.createServer({ allowHalfOpen: true, pauseOnConnect: onConnection !== undefined }, socket => {
      if (onConnection !== undefined) {
        onConnection(socket)
        return
      }
      const peer = new Peer(socket)
      this.all.push(peer)
      const next = this.waiting.shift()
      if (next === undefined) this.accepted.push(peer)
      else next(peer)
    })
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return (this.server.address() as net.AddressInfo).port
  }

  accept(): Promise<Peer> {
    const peer = this.accepted.shift()
    if (peer !== undefined) return Promise.resolve(peer)
    return new Promise(resolve => this.waiting.push(resolve))
  }

  close(): void {
    for (const { socket } of this.all) socket.destroy()
    this.server.close()
  }
}

/** A port nobody listens on. */
export async function deadPort(): Promise<number> {
  const origin = new Origin()
  const port = await origin.listen()
  origin.server.close()
  await once(origin.server, 'close')
  return port
}
