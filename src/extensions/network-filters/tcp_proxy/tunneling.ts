// TcpProxy.TunnelingConfig: what the request looks like that turns an HTTP stream into a pipe.
import type { TcpProxy_TunnelingConfigJson as TunnelingConfigJson } from '#api/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import { compileHeaderMutations, type HeaderMutations } from '../../../http/index.ts'
import { compileTextFormat, withFormatters } from '../../../net/index.ts'
import type { Formatter } from '../../../observability/index.ts'

declareSupport('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig', {
  supported: [
    'hostname',
    'use_post',
    'headers_to_add',
    'post_path',
    'propagate_response_headers',
    'propagate_response_trailers',
    'formatters',
  ],
  refused: {
    request_id_extension: 'not part of this release: add a header with %UNIQUE_ID% in headers_to_add',
    request_id_header: 'not part of this release: add a header with %UNIQUE_ID% in headers_to_add',
    request_id_metadata_key: 'not part of this release: add a header with %UNIQUE_ID% in headers_to_add',
  },
})

export interface TunnelingPlan {
  /** The authority that CONNECT or POST asks for. */
  readonly hostname: Formatter
  readonly usePost: boolean
  readonly postPath: string
  readonly headersToAdd: HeaderMutations
  /** What the response says stays in the filter state. */
  readonly keepsHeaders: boolean
  readonly keepsTrailers: boolean
}

export function compileTunneling(
  config: TunnelingConfigJson | undefined,
  outside: CompileContext,
  path: ConfigPath,
): TunnelingPlan | null {
  if (config === undefined) return null
  const context = withFormatters(config.formatters, outside, path.field('formatters'))
  const usePost = config.usePost ?? false
  const postPath = config.postPath ?? ''
  if (postPath !== '' && !usePost) {
    context.diagnostics.error(path.field('post_path'), 'CONNECT has no path', { expected: 'use_post: true beside it' })
  }
  const hostname = compileTextFormat(toWireText(config.hostname ?? ''), context, path.field('hostname'))
  if (hostname === undefined) return null
  return {
    hostname,
    usePost,
    postPath: postPath === '' ? '/' : toWireText(postPath),
    headersToAdd: compileHeaderMutations(config.headersToAdd ?? [], [], context, path.field('headers_to_add')),
    keepsHeaders: config.propagateResponseHeaders ?? false,
    keepsTrailers: config.propagateResponseTrailers ?? false,
  }
}
