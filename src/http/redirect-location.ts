// Where a route.v3.RedirectAction leads to.
import type { RedirectActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../base/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { HeaderMap } from './headers.ts'
import { X_FORWARDED_PROTO } from './known-headers.ts'

/** Makes a path from a request; undefined: it makes none. */
export type RedirectFormat = (headers: HeaderMap, info: StreamInfo) => string | undefined

export class RedirectLocation {
  /** '' keeps the request's. */
  private readonly scheme: string
  private readonly host: string
  /** ':port' or ''. */
  private readonly port: string
  private readonly path: string
  /** Gives '' where it leaves the path as it is. */
  private readonly pathRewrite: ((path: string) => string) | null
  private readonly stripQuery: boolean
  /** Makes the new path with its query; null: the other fields do. */
  private readonly format: RedirectFormat | null

  constructor(
    action: RedirectActionJson,
    pathRewrite: ((path: string) => string) | null,
    format: RedirectFormat | null,
  ) {
    this.scheme = action.httpsRedirect === true ? 'https' : (action.schemeRedirect ?? '')
    this.host = toWireText(action.hostRedirect ?? '')
    this.port = action.portRedirect === undefined || action.portRedirect === 0 ? '' : `:${action.portRedirect}`
    this.path = toWireText(action.pathRedirect ?? '')
    this.pathRewrite = pathRewrite
    this.stripQuery = action.stripQuery === true
    this.format = format
  }

  of(headers: HeaderMap, info: StreamInfo): string {
    const scheme = this.scheme === '' ? headers.scheme : this.scheme
    const host = this.host === '' ? requestHost(headers, scheme, this.port) : this.host
    const path = this.newPath(headers, info)
    // Without the slash it would be the end of the host's name.
    return `${scheme}://${host}${this.port}${path.startsWith('/') ? '' : '/'}${path}`
  }

  /** A path that has no query of its own keeps the request's. */
  private withQuery(headers: HeaderMap, path: string): string {
    if (this.stripQuery || path.includes('?')) return path
    const question = headers.path.indexOf('?')
    return question < 0 ? path : path + headers.path.slice(question)
  }

  private newPath(headers: HeaderMap, info: StreamInfo): string {
    const formatted = this.format === null ? undefined : this.format(headers, info)
    if (formatted !== undefined) return this.withQuery(headers, formatted)
    const { path } = this
    // A query that is configured stays, whatever strip_query says.
    if (path.includes('?')) return path
    const current = headers.path
    let target = this.pathRewrite?.(current) || current
    if (path !== '') {
      const question = current.indexOf('?')
      target = question < 0 ? path : path + current.slice(question)
    }
    const question = this.stripQuery ? target.indexOf('?') : -1
    return question < 0 ? target : target.slice(0, question)
  }
}

/** The request's host; its port goes when another is set, or when it is the default port of the scheme that is left. */
function requestHost(headers: HeaderMap, newScheme: string, newPort: string): string {
  const host = headers.authority
  const bracket = host.startsWith('[') ? host.lastIndexOf(']:') : -1
  const colon = host.startsWith('[') ? (bracket < 0 ? -1 : bracket + 1) : host.lastIndexOf(':')
  if (colon < 0) return host
  const port = host.slice(colon)
  const protocol = headers.get(X_FORWARDED_PROTO) ?? ''
  const defaultPort = (protocol === 'https' && port === ':443') || (protocol === 'http' && port === ':80')
  return newPort !== '' || (newScheme !== protocol && defaultPort) ? host.slice(0, colon) : host
}
