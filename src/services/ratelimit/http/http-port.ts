import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../base/index.ts'
import { type Address, formatHostPort } from '../../../net/index.ts'
import { DEFAULT_STATS_SETTINGS, renderStats, type StatReader } from '../../../observability/index.ts'
import { type Answer, CodeOverLimit, type Failure } from '../answer.ts'
import { UNIT_NAMES } from '../config/unit.ts'
import type { Health } from '../grpc/health.ts'
import type { RateLimiter } from '../limiter/rate-limiter.ts'
import { jsonResponse, parseJsonRequest } from './json-api.ts'

// Bounds on hostile or stuck clients; node:http enforces them itself.
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 60_000
const CHECK_INTERVAL_MS = 1_000
const MAX_HEAD_BYTES = 16 * 1024
const MAX_CONNECTIONS = 1_024
const MAX_BODY_BYTES = 64 * 1024

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'

export interface HttpSources {
  readonly clock: Clock
  readonly limiter: RateLimiter
  readonly health: Health
  readonly stats: StatReader
}

interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

const text = (body: string, status = 200): Page => ({ status, type: TEXT_TYPE, body })

/** The HTTP side: questions in JSON, health, and what operators look at. */
export class HttpPort {
  private readonly sources: HttpSources
  private readonly server: Server

  constructor(sources: HttpSources) {
    this.sources = sources
    this.server = process.getBuiltinModule('node:http').createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        connectionsCheckingInterval: CHECK_INTERVAL_MS,
        maxHeaderSize: MAX_HEAD_BYTES,
      },
      (request, response) => void this.serve(request, response),
    )
    this.server.maxConnections = MAX_CONNECTIONS
    this.server.timeout = IDLE_TIMEOUT_MS
  }

  /** Resolves to 'host:port' once bound; rejects with the system's error. */
  async listen(address: Address): Promise<string> {
    if (address.kind === 'pipe') this.server.listen(address.path)
    else this.server.listen(address.port, address.host)
    await once(this.server, 'listening')
    const bound = this.server.address()
    return address.kind === 'pipe' ? address.path : formatHostPort(address.host, (bound as AddressInfo).port)
  }

  /** Takes no more connections; answers what is under way. */
  async close(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    this.server.closeIdleConnections()
    const timer = setTimeout(() => this.server.closeAllConnections(), CHECK_INTERVAL_MS)
    await closed
    clearTimeout(timer)
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0]!
    try {
      const page = await this.page(path, request)
      response.statusCode = page.status
      response.setHeader('content-type', page.type)
      // The rest of a body that was not read would be taken for the next request.
      if (!request.complete) response.setHeader('connection', 'close')
      response.end(request.method === 'HEAD' ? undefined : page.body)
    } catch (error) {
      // The client went away in the middle of its body.
      response.destroy(error as Error)
    }
  }

  private async page(path: string, request: IncomingMessage): Promise<Page> {
    const { health, limiter, stats } = this.sources
    switch (path) {
      case '/json':
        return this.json(request)
      case '/healthcheck':
        return health.serving ? text('OK') : text(`${health.why.join(', ')}\n`, 500)
      case '/rlconfig':
        return text(rateLimits(limiter))
      case '/stats':
        return text([...renderStats(stats, STATS_VIEW, DEFAULT_STATS_SETTINGS)].join(''))
      case '/':
        return text(HELP)
      default:
        return text(`there is nothing at ${path}\n${HELP}`, 404)
    }
  }

  private async json(request: IncomingMessage): Promise<Page> {
    const body = await readBody(request)
    if (body === null) return text(`bodies are limited to ${MAX_BODY_BYTES} bytes\n`, 413)
    const question = parseJsonRequest(body)
    if (typeof question === 'string') return text(question, 400)
    // Nothing else has read the clock in this turn.
    this.sources.clock.update()
    return new Promise(resolve => {
      this.sources.limiter.decide(question, {
        onAnswer: (answer: Answer) => {
          const status = answer.overallCode === CodeOverLimit ? 429 : 200
          resolve({ status, type: JSON_TYPE, body: jsonResponse(answer) })
        },
        onFailure: ({ kind, message }: Failure) => resolve(text(`${message}\n`, kind === 'request' ? 400 : 503)),
      })
    })
  }
}

const STATS_VIEW = {
  format: 'text',
  type: 'All',
  usedOnly: false,
  hidden: 'exclude',
  histogramBuckets: 'unset',
  matches: null,
} as const

const HELP = `/healthcheck: OK, or 500 and why not
/json: POST a RateLimitRequest
/rlconfig: the limits in force
/stats: counters and gauges
`

/** Null: it is too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > MAX_BODY_BYTES) return null
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** One line per limit, in the form of envoyproxy/ratelimit. */
function rateLimits({ config }: RateLimiter): string {
  const lines: string[] = []
  for (const { facts, unit, requestsPerUnit } of config.limits()) {
    const limit = facts.unlimited ? 'unlimited' : `unit=${UNIT_NAMES[unit]} requests_per_unit=${requestsPerUnit}`
    lines.push(`${facts.fullKey}: ${limit}, shadow_mode: ${facts.shadowMode}, quota_mode: ${facts.quotaMode}\n`)
  }
  return lines.join('')
}
