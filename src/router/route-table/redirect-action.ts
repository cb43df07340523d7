// route.v3.RedirectAction and VirtualHost.require_tls: the Location of a redirect.
import type { RedirectActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, compileRegexRewrite, declareSupport } from '../../config/index.ts'
import { type HeaderMap, type Redirect, X_FORWARDED_PROTO } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { formatted, type HostRewrite as RedirectFormat } from './host-rewrite.ts'
import { type PathRewrite, prefixRewrite, regexRewrite } from './path-rewrite.ts'
import type { RouteMatcher } from './route-match.ts'

declareSupport('envoy.config.route.v3.RedirectAction', {
  supported: [
    'https_redirect',
    'scheme_redirect',
    'host_redirect',
    'port_redirect',
    'path_redirect',
    'prefix_rewrite',
    'regex_rewrite',
    'response_code',
    'strip_query',
    'path_rewrite',
  ],
})

const STATUS = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
} as const

export class RedirectPlan {
  private readonly status: number
  /** '' keeps the request's. */
  private readonly scheme: string
  private readonly host: string
  /** ':port' or ''. */
  private readonly port: string
  private readonly path: string
  private readonly pathRewrite: PathRewrite | null
  private readonly stripQuery: boolean
  /** Makes the new path with its query; null: the other fields do. */
  private readonly format: RedirectFormat | null

  constructor(action: RedirectActionJson, pathRewrite: PathRewrite | null, format: RedirectFormat | null) {
    this.status = STATUS[action.responseCode ?? 'MOVED_PERMANENTLY']
    this.scheme = action.httpsRedirect === true ? 'https' : (action.schemeRedirect ?? '')
    this.host = toWireText(action.hostRedirect ?? '')
    this.port = action.portRedirect === undefined || action.portRedirect === 0 ? '' : `:${action.portRedirect}`
    this.path = toWireText(action.pathRedirect ?? '')
    this.pathRewrite = pathRewrite
    this.stripQuery = action.stripQuery === true
    this.format = format
  }

  redirect(headers: HeaderMap, info: StreamInfo): Redirect {
    const scheme = this.scheme === '' ? headers.scheme : this.scheme
    const host = this.host === '' ? requestHost(headers, scheme, this.port) : this.host
    return { status: this.status, location: `${scheme}://${host}${this.port}${this.newPath(headers, info)}` }
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
    let target = this.pathRewrite === null ? current : this.pathRewrite(current)
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

export function compileRedirect(
  action: RedirectActionJson,
  matcher: RouteMatcher,
  context: CompileContext,
  path: ConfigPath,
): RedirectPlan {
  let rewrite: PathRewrite | null = null
  // As Envoy: an empty prefix_rewrite is none.
  if (action.prefixRewrite !== undefined && action.prefixRewrite !== '') {
    rewrite = prefixRewrite(toWireText(action.prefixRewrite), matcher)
  } else if (action.regexRewrite !== undefined) {
    const regex = compileRegexRewrite(action.regexRewrite, context, path.field('regex_rewrite'))
    rewrite = regex === undefined ? null : regexRewrite(regex)
  }
  const format = action.pathRewrite === undefined || action.pathRewrite === '' ? null : action.pathRewrite
  const formatter = format === null ? null : formatted(format, context, path.field('path_rewrite'))
  return new RedirectPlan(action, rewrite, formatter)
}

/** The place itself. */
export const SAME_PLACE = new RedirectPlan({}, null, null)
/** What require_tls answers. */
export const HTTPS_REDIRECT = new RedirectPlan({ httpsRedirect: true }, null, null)
