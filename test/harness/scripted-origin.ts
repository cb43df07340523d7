import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { parseRequests, type RawRequest } from './parse-requests.ts'

/** One connection that the proxy opened to the origin. */
export interface OriginConnection {
  readonly socket: Socket
  /** All bytes so far, latin1. */
  received: string
}

/** Called for each piece that arrives; answers by writing to the socket, whatever bytes it likes. */
export type OriginScript = (connection: OriginConnection, piece: string) => void

/** Answers every complete request: with fixed bytes, or with what a function makes of the request. */
export function answering(response: string | ((request: RawRequest) => string)): OriginScript {
  const answered = new WeakMap<OriginConnection, number>()
  return connection => {
    const requests = parseRequests(connection.received)
    const from = answered.get(connection) ?? 0
    answered.set(connection, requests.length)
    for (const request of requests.slice(from)) {
      connection.socket.write(Buffer.from(typeof response === 'string' ? response : response(request), 'latin1'))
    }
  }
}

/** An origin made of exact bytes: it records what reaches it and says what a script tells it to. */
export class ScriptedOrigin {
  readonly connections: OriginConnection[] = []
  script: OriginScript
  private readonly server: Server

  private constructor(server: Server, script: OriginScript) {
    this.server = server
    this.script = script
  }

  static async start(script: OriginScript): Promise<ScriptedOrigin> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    const origin = new ScriptedOrigin(server, script)
    server.on('connection', socket => origin.accept(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // One that was forgotten, as after a proxy that failed to start, must not keep the test's process from its end.
    server.unref()
    return origin
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** Every complete request that reached the origin, connection by connection. */
  get requests(): readonly RawRequest[] {
    return this.connections.flatMap(({ received }) => parseRequests(received))
  }

  /** Everything that reached the origin, over all connections. */
  get received(): string {
    return this.connections.map(({ received }) => received).join('')
  }

  /** Forgets what was recorded and cuts what is open, so that the next case starts clean. */
  reset(script: OriginScript = this.script): void {
    for (const { socket } of this.connections) socket.destroy()
    this.connections.length = 0
    this.script = script
  }

  async close(): Promise<void> {
    this.reset()
    this.server.close()
    await once(this.server, 'close')
  }

  private accept(socket: Socket): void {
    const connection: OriginConnection = { socket, received: '' }
    this.connections.push(connection)
    socket.setEncoding('latin1')
    socket.on('data', piece => {
      connection.received += piece
      this.script(connection, String(piece))
    })
    socket.on('end', () => socket.end())
    // The proxy resets connections it gives up on; the recording is what counts.
    socket.on('error', () => socket.destroy())
  }
}
