import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const SLOW_MS = 100
const SMALL = Buffer.alloc(20_000, 's')
const PIECE = Buffer.alloc(65_536, 'l')
const LARGE_PIECES = 160

/** Answers /ok at once, /slow late, /small with 20 kB and /large with 10 MiB; counts what is open. */
export class Origin {
  private readonly server: Server
  private open = 0
  /** At any time since `startCounting`. */
  mostOpen = 0

  private constructor(server: Server) {
    this.server = server
    server.on('request', (request, response) => {
      this.mostOpen = Math.max(this.mostOpen, ++this.open)
      response.on('close', () => this.open--)
      if (request.url === '/slow') setTimeout(() => response.end('slow'), SLOW_MS)
      else if (request.url === '/small') response.end(SMALL)
      else if (request.url === '/large') sendLarge(response)
      else response.end('ok')
    })
  }

  static async start(): Promise<Origin> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Origin(server)
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  startCounting(): void {
    this.mostOpen = this.open
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}

function sendLarge(response: ServerResponse): void {
  let sent = 0
  const more = (): void => {
    while (sent++ < LARGE_PIECES) {
      if (!response.write(PIECE)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}
