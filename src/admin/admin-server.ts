import { once } from 'node:events'
import { chmod, unlink } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AdminPlan } from './admin-plan.ts'
import type { AdminExchange, AdminTraffic } from './admin-traffic.ts'
import { type AdminRequest, type AdminResponse, type Endpoint, text } from './endpoint.ts'
import { endpoints } from './endpoints.ts'
import { helpText } from './help.ts'
import { parseParams } from './query.ts'
import { writeBody } from './response-writer.ts'
import type { AdminSources } from './sources.ts'

// Bounds on hostile or stuck clients; node:http enforces them itself.
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 60_000
const CHECK_INTERVAL_MS = 1_000
const MAX_HEAD_BYTES = 60 * 1024
const MAX_HEADERS = 100
const MAX_CONNECTIONS = 1_024
/** Bodies hold runtime overrides, log levels, the configuration of a tap. */
const MAX_BODY_BYTES = 64 * 1024

const FORM = 'application/x-www-form-urlencoded'

/** The admin interface: node:http on the main thread, never on a worker. */
export class AdminServer {
  private readonly plan: AdminPlan
  private readonly sources: AdminSources
  private readonly traffic: readonly AdminTraffic[]
  private readonly byPath: ReadonlyMap<string, Endpoint>
  private readonly server: Server

  constructor(plan: AdminPlan, sources: AdminSources, traffic: readonly AdminTraffic[] = []) {
    this.plan = plan
    this.sources = sources
    this.traffic = traffic
    this.byPath = new Map(endpoints(plan).map(endpoint => [endpoint.path, endpoint]))
    // Not imported: the module form of node:http loads all that it can, at a cost of 25 ms and 10 MB at start.
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
    this.server.maxHeadersCount = MAX_HEADERS
    this.server.maxConnections = MAX_CONNECTIONS
    // Of a connection on which nothing moves, a reader that stopped reading included.
    this.server.timeout = IDLE_TIMEOUT_MS
    this.server.on('connection', socket => {
      for (const observer of this.traffic) observer.connectionOpened(socket)
    })
  }

  /** Binds the configured address; rejects with the system's error. Returns what was bound: 'ip:port' or a path. */
  async listen(): Promise<string> {
    const { address } = this.plan
    if (address.kind === 'pipe') {
      this.server.listen(address.path)
      await once(this.server, 'listening')
      if (address.mode !== 0) await chmod(address.path, address.mode)
      return address.path
    }
    this.server.listen(address.port, address.host)
    await once(this.server, 'listening')
    const bound = this.server.address() as AddressInfo
    return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`
  }

  /** Stops listening and cuts what is still open; resolves when all is closed. */
  async close(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    this.server.closeAllConnections()
    await closed
    if (this.plan.address.kind === 'pipe') await unlink(this.plan.address.path).catch(ignoreMissing)
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange: AdminExchange = { request, response, startMs: performance.now(), bodyBytes: 0 }
    for (const observer of this.traffic) observer.requestStarted(exchange)
    response.once('close', () => {
      for (const observer of this.traffic) observer.requestEnded(exchange)
    })
    try {
      const answer = await this.answer(exchange)
      setHeaders(request, response, answer)
      if (answer.waits) letWait(response)
      if (request.method === 'HEAD') response.end()
      else await writeBody(exchange, answer.body)
    } catch (error) {
      // A handler's bug must not take the proxy down, nor look like an answer.
      if (response.headersSent) response.destroy(error as Error)
      else {
        const failure = text(`${(error as Error).message}\n`, 500)
        setHeaders(request, response, failure)
        await writeBody(exchange, failure.body)
      }
    }
  }

  private async answer({ request, response }: AdminExchange): Promise<AdminResponse> {
    if (request.httpVersion === '1.0') return text('Upgrade Required', 426)
    const url = request.url ?? '/'
    const question = url.indexOf('?')
    const path = question < 0 ? url : url.slice(0, question)
    if (!this.plan.allows(url)) return text(`request to path ${url} not allowed`, 403)
    const endpoint = this.byPath.get(path)
    if (endpoint === undefined) return text(`invalid path. ${helpText(this.byPath.values())}`, 404)
    if (endpoint.mutates && request.method !== 'POST') {
      return text(`Method ${request.method} not allowed, POST required.`, 405)
    }
    const params = parseParams(question < 0 ? '' : url.slice(question + 1))
    const body = endpoint.readsBody || isForm(request) ? await readBody(request) : ''
    if (body === null) return text(`bodies are limited to ${MAX_BODY_BYTES} bytes\n`, 413)
    if (!endpoint.readsBody) for (const [name, value] of parseParams(body)) params.set(name, value)
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const admin: AdminRequest = { params, body: endpoint.readsBody ? body : '', gone: gone.signal }
    return endpoint.handle(admin, this.sources)
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

function isForm({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' && (headers['content-type'] ?? '').startsWith(FORM)
}

/** Null when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  let body = ''
  request.setEncoding('utf8')
  for await (const piece of request) {
    body += piece
    if (body.length > MAX_BODY_BYTES) return null
  }
  return body
}

/** The head goes out at once, and silence is no reason to hang up. */
function letWait(response: ServerResponse): void {
  const { socket } = response
  response.flushHeaders()
  socket?.setTimeout(0)
  response.once('finish', () => socket?.setTimeout(IDLE_TIMEOUT_MS))
}

/** Envoy's head, names and order; node:http's own additions are replaced. */
function setHeaders(request: IncomingMessage, response: ServerResponse, answer: AdminResponse): void {
  response.statusCode = answer.status
  response.sendDate = false
  // The rest of an unread body would be taken for the next request's head.
  const close = !response.shouldKeepAlive || !(request.complete || Number(request.headers['content-length'] ?? 0) === 0)
  response.setHeader('content-type', answer.contentType)
  response.setHeader('cache-control', 'no-cache, max-age=0')
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('date', new Date().toUTCString())
  response.setHeader('server', 'envoy')
  if (close) response.setHeader('connection', 'close')
  else response.removeHeader('connection')
  response.setHeader('transfer-encoding', 'chunked')
}
