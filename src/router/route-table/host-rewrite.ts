// RouteAction.host_rewrite_specifier, except auto_host_rewrite, which waits for the chosen endpoint.
import type { RouteActionJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, compileRegexRewrite } from '../../config/index.ts'
import { type HeaderMap, withoutQuery } from '../../http/index.ts'
import { celSettings } from '../../net/index.ts'
import { compileFormat, type StreamInfo } from '../../observability/index.ts'

/** The new authority, or undefined to keep the request's. */
export type HostRewrite = (headers: HeaderMap, info: StreamInfo) => string | undefined

export function compileHostRewrite(
  action: RouteActionJson,
  context: CompileContext,
  path: ConfigPath,
): HostRewrite | null {
  if (action.hostRewriteLiteral !== undefined) {
    const literal = toWireText(action.hostRewriteLiteral)
    return literal === '' ? null : () => literal
  }
  if (action.hostRewriteHeader !== undefined && action.hostRewriteHeader !== '') {
    const name = action.hostRewriteHeader.toLowerCase()
    return headers => {
      const value = headers.lookup(name)
      return value === '' ? undefined : value
    }
  }
  if (action.hostRewritePathRegex !== undefined) {
    const rewrite = compileRegexRewrite(action.hostRewritePathRegex, context, path.field('host_rewrite_path_regex'))
    if (rewrite === undefined) return null
    return headers => {
      const host = rewrite(withoutQuery(headers.path))
      return host === '' ? undefined : host
    }
  }
  if (action.hostRewrite === undefined) return null
  // As Envoy: what is missing leaves a dash in hosts, and nothing in paths.
  return formatted(action.hostRewrite, context, path.field('host_rewrite'), '-')
}

/** A format over the request; undefined when it yields nothing. */
export function formatted(text: string, context: CompileContext, path: ConfigPath, missing = ''): HostRewrite | null {
  const formatter = compileFormat(text, { missing, cel: celSettings(undefined, context) })
  if ('error' in formatter) {
    context.diagnostics.error(path, formatter.error, { found: text, code: 'bad-format' })
    return null
  }
  return (requestHeaders, info) => {
    const value = formatter.format({ requestHeaders, responseHeaders: null, responseTrailers: null, info })
    return value === '' ? undefined : value
  }
}
