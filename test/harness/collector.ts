// A collector that a tracer's batches reach over a real socket.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Batch {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export class Collector {
  readonly batches: Batch[] = []
  /** Of the next answers. */
  status = 202
  private readonly server: Server
  private wake: (() => void) | null = null

  private constructor(server: Server) {
    this.server = server
  }

  static async start(): Promise<Collector> {
    const server = createServer()
    const collector = new Collector(server)
    server.on('request', (request, response) => {
      const pieces: Buffer[] = []
      request.on('data', piece => pieces.push(piece))
      request.on('end', () => {
        const { url = '', headers } = request
        collector.batches.push({ url, headers, body: Buffer.concat(pieces) })
        response.writeHead(collector.status).end()
        collector.wake?.()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    server.unref()
    return collector
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** Takes the batches away once `enough` of them are there; `what` is said where they do not come. */
  async take(enough: (batches: readonly Batch[]) => boolean, what = ''): Promise<readonly Batch[]> {
    const deadline = AbortSignal.timeout(5000)
    while (!enough(this.batches)) {
      if (deadline.aborted) throw new Error(`${what}: ${this.batches.length} batches came, and no more`)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.wake = resolve
      deadline.addEventListener('abort', () => resolve())
      await promise
    }
    return this.batches.splice(0)
  }

  async close(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}
