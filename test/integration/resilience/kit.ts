// What the tests of retries, breakers and limits share: an origin that does what each request asks of it.
import { once } from 'node:events'
import { Agent, createServer, get, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** '' for one that was cut. */
  readonly body: string
  readonly cut: boolean
  readonly ms: number
}

/**
 * `x-plan: 400:200,0:503`: the first attempt waits 400 ms and gets 200, the second gets 503 at once; the last one stands
 * for all further. A third part, as in 0:200:400, is the pause between head and body. The body is what the origin was asked.
 */
export class PlannedOrigin {
  readonly asked: IncomingHttpHeaders[] = []
  private readonly server: Server
  private readonly attempts = new Map<string, number>()

  private constructor(server: Server) {
    this.server = server
  }

  static async start(): Promise<PlannedOrigin> {
    const server = createServer()
    const origin = new PlannedOrigin(server)
    server.on('request', (request, response) => {
      origin.asked.push(request.headers)
      const id = String(request.headers['x-id'] ?? request.headers['x-request-id'])
      const attempt = origin.attempts.get(id) ?? 0
      origin.attempts.set(id, attempt + 1)
      const plan = String(request.headers['x-plan'] ?? '0:200').split(',')
      const [waitMs = 0, status = 200, pauseMs = 0] = (plan[attempt] ?? plan.at(-1)!).split(':').map(Number)
      const end = () => response.end(JSON.stringify({ address: request.socket.localAddress, ...request.headers }))
      setTimeout(() => {
        response.writeHead(status)
        if (pauseMs === 0) end()
        else {
          response.flushHeaders()
          setTimeout(end, pauseMs)
        }
      }, waitMs)
    })
    server.listen(0, '0.0.0.0')
    await once(server, 'listening')
    return origin
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}

/** Keeps every request waiting until it is told to open. */
export class GatedOrigin {
  private readonly server = createServer((_, response) => {
    if (this.isOpen) response.end('open')
    else this.waiting.push(response)
  })
  private readonly waiting: ServerResponse[] = []
  private isOpen = false

  static async start(): Promise<GatedOrigin> {
    const origin = new GatedOrigin()
    origin.server.listen(0, '0.0.0.0')
    await once(origin.server, 'listening')
    return origin
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  open(): void {
    this.isOpen = true
    for (const response of this.waiting.splice(0)) response.end('open')
  }

  shut(): void {
    this.isOpen = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}

const agent = new Agent({ keepAlive: false })

export function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const startMs = performance.now()
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent, headers }, response => {
      let body = ''
      const settle = (cut: boolean) => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body, cut, ms: performance.now() - startMs })
      }
      response.setEncoding('latin1').on('data', (piece: string) => {
        body += piece
      })
      response.on('end', () => settle(false)).on('error', () => settle(true))
    }).on('error', reject)
  })
}

/** What the origin was asked, as it answers it. */
export function seenBy({ body }: Answer): IncomingHttpHeaders & { readonly address: string } {
  return JSON.parse(body)
}
