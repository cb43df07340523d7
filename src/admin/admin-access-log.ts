import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import {
  type AccessLog,
  type AccessLogPlan,
  openAccessLogs,
  type ThreadContext,
  writeAccessLogs,
} from '../net/index.ts'
import { type ConnectionInfo, type HeaderLookup, StreamInfo } from '../observability/index.ts'
import type { AdminExchange, AdminTraffic } from './admin-traffic.ts'

/** Writes the admin interface's own access log (bootstrap.admin.access_log), one line per request. */
export class AdminAccessLog implements AdminTraffic {
  private readonly logs: readonly AccessLog[]
  private connections = 0

  constructor(plans: readonly AccessLogPlan[], thread: ThreadContext) {
    this.logs = openAccessLogs(plans, thread)
  }

  connectionOpened(): void {
    this.connections++
  }

  requestStarted(): void {
    // A line is written at the end only.
  }

  requestEnded({ request, response, startMs, bodyBytes }: AdminExchange): void {
    const info = new StreamInfo(this.connectionInfo(request.socket), startMs)
    info.protocol = `HTTP/${request.httpVersion}`
    info.responseCode = response.headersSent ? response.statusCode : 0
    info.responseCodeDetails = 'admin_filter_response'
    info.bytesReceived = Number(request.headers['content-length'] ?? 0)
    info.bytesSent = bodyBytes
    info.endUs = info.sinceStartUs(performance.now())
    writeAccessLogs(this.logs, {
      requestHeaders: new NodeHeaders(request.headers, {
        ':method': request.method ?? '',
        ':path': request.url ?? '',
        ':authority': request.headers.host ?? '',
        ':scheme': 'http',
      }),
      responseHeaders: new NodeHeaders(response.getHeaders(), { ':status': String(response.statusCode) }),
      responseTrailers: null,
      info,
    })
  }

  private connectionInfo(socket: AdminExchange['request']['socket']): ConnectionInfo {
    const remote = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
    const local = `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`
    return {
      connectionId: this.connections,
      remoteAddress: remote,
      directRemoteAddress: remote,
      localAddress: local,
      directLocalAddress: local,
      requestedServerName: null,
      filterChainName: '',
      ssl: null,
    }
  }
}

/** node:http's headers in the form the log formatter reads. */
class NodeHeaders implements HeaderLookup {
  private readonly headers: IncomingHttpHeaders | OutgoingHttpHeaders
  private readonly pseudo: Readonly<Record<string, string>>

  constructor(headers: IncomingHttpHeaders | OutgoingHttpHeaders, pseudo: Readonly<Record<string, string>>) {
    this.headers = headers
    this.pseudo = pseudo
  }

  lookup(lowerCaseName: string): string | undefined {
    if (Object.hasOwn(this.pseudo, lowerCaseName)) return this.pseudo[lowerCaseName]
    if (!Object.hasOwn(this.headers, lowerCaseName)) return undefined
    const value = this.headers[lowerCaseName]
    return Array.isArray(value) ? value[0] : value === undefined ? undefined : String(value)
  }

  joined(name: string): string | undefined {
    const value = Object.hasOwn(this.pseudo, name) ? undefined : this.headers[name]
    return Array.isArray(value) ? value.join(',') : this.lookup(name)
  }

  names(): readonly string[] {
    return [...Object.keys(this.pseudo), ...Object.keys(this.headers)]
  }

  get byteSize(): number {
    let size = 0
    for (const [name, value] of [...Object.entries(this.pseudo), ...Object.entries(this.headers)]) {
      size += name.length + String(value ?? '').length
    }
    return size
  }
}
