// One server behind every address of 127.0.0.0/8: each request says itself what it wants to be answered.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the origin does with one attempt. */
export interface Answer {
  readonly status?: number
  readonly waitMs?: number
  /** Between head and body. */
  readonly pauseMs?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly fate?: 'fin' | 'rst' | 'hang' | 'cut'
}

/** Travels as `x-plan`: by host number, else by attempt (the last one stands for all further). */
export interface AnswerPlan {
  readonly hosts?: Readonly<Record<string, Answer>>
  readonly attempts?: readonly Answer[]
}

export interface Asked {
  /** The last number of the address that was asked. */
  readonly host: number
  readonly headers: IncomingMessage['headers']
  readonly atMs: number
}

export class Origins {
  /** By the address without its last number: what was asked there. */
  readonly asked = new Map<string, Asked[]>()
  /** Times of health checks by address, and what they are answered: the last one stands for all further. */
  readonly checks = new Map<string, number[]>()
  readonly checkPlans = new Map<string, readonly Answer[]>()
  private readonly server: Server = createServer((request, response) => this.serve(request, response))

  static async start(): Promise<Origins> {
    const origins = new Origins()
    origins.server.keepAliveTimeout = 0
    origins.server.listen(0, '0.0.0.0', 2048)
    await once(origins.server, 'listening')
    return origins
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const address = request.socket.localAddress ?? ''
    const dot = address.lastIndexOf('.')
    const host = Number(address.slice(dot + 1))
    request.resume()
    if (request.url === '/hc') {
      this.check(address, request, response)
      return
    }
    const network = address.slice(0, dot)
    const list = this.asked.get(network) ?? []
    this.asked.set(network, list)
    list.push({ host, headers: request.headers, atMs: performance.now() })
    const plan = JSON.parse(String(request.headers['x-plan'] ?? '{}')) as AnswerPlan
    const attempt = Number(request.headers['x-envoy-attempt-count'] ?? 1)
    const { attempts = [] } = plan
    give(plan.hosts?.[host] ?? attempts[attempt - 1] ?? attempts.at(-1) ?? {}, host, request, response)
  }

  private check(address: string, request: IncomingMessage, response: ServerResponse): void {
    const times = this.checks.get(address) ?? []
    this.checks.set(address, times)
    const plan = this.checkPlans.get(address) ?? []
    const answer = plan[times.length] ?? plan.at(-1) ?? {}
    times.push(performance.now())
    give(answer, 0, request, response)
  }

  async stop(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}

function give(answer: Answer, host: number, request: IncomingMessage, response: ServerResponse): void {
  const { status = 200, waitMs = 0, pauseMs = 0, headers = {}, fate } = answer
  const act = (): void => {
    if (fate === 'hang' || response.destroyed) return
    if (fate === 'rst') request.socket.resetAndDestroy()
    else if (fate === 'fin') request.socket.destroy()
    else if (fate === 'cut') {
      response.writeHead(status, { ...headers, 'content-length': 100, 'x-host': host })
      response.write('part')
      setTimeout(() => request.socket.destroy(), 20)
    } else {
      response.writeHead(status, { ...headers, 'x-host': host })
      if (pauseMs === 0) response.end()
      else {
        response.flushHeaders()
        setTimeout(() => response.end(), pauseMs)
      }
    }
  }
  if (waitMs > 0) setTimeout(act, waitMs)
  else if (request.complete) act()
  else request.on('end', act)
}
