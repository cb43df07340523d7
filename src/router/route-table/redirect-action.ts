// route.v3.RedirectAction and VirtualHost.require_tls: the Location of a redirect.
import type { RedirectActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, compileRegexRewrite, declareSupport } from '../../config/index.ts'
import { type HeaderMap, type Redirect, type RedirectFormat, RedirectLocation } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { formatted } from './host-rewrite.ts'
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
  private readonly location: RedirectLocation
  private readonly pathRewrite: PathRewrite | null

  constructor(action: RedirectActionJson, pathRewrite: PathRewrite | null, format: RedirectFormat | null) {
    this.pathRewrite = pathRewrite
    this.status = STATUS[action.responseCode ?? 'MOVED_PERMANENTLY']
    this.location = new RedirectLocation(action, pathRewrite, format)
  }

  redirect(headers: HeaderMap, info: StreamInfo): Redirect {
    const path = this.pathRewrite === null ? '' : this.pathRewrite(headers.path)
    return { status: this.status, location: this.location.of(headers, info), path }
  }
}

/** What require_tls answers: the same place, its port included. */
class SameOverTls extends RedirectPlan {
  override redirect(headers: HeaderMap): Redirect {
    return { status: 301, location: `https://${headers.authority}${headers.path}`, path: '' }
  }
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
export const HTTPS_REDIRECT: RedirectPlan = new SameOverTls({}, null, null)
