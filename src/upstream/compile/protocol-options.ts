import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type {
  HttpProtocolOptionsJson as CommonOptionsJson,
  Http1ProtocolOptionsJson,
} from '#api/envoy/config/core/v3/protocol_pb.ts'
import type { HttpProtocolOptionsJson } from '#api/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs, typeName } from '../../config/index.ts'
import { compileHttp1Options, type Http1Options, headLimits } from '../../http/index.ts'

const TYPE = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const NO_HTTP2 = 'HTTP/2 to upstream hosts comes in a later release; use explicit_http_config.http_protocol_options'
const ON_ROUTES = 'set it on the routes instead'

declareSupport(TYPE, {
  supported: ['common_http_protocol_options', 'explicit_http_config'],
  refused: {
    upstream_http_protocol_options: 'TLS comes in a later release',
    use_downstream_protocol_config: NO_HTTP2,
    auto_config: NO_HTTP2,
    http_filters: 'upstream filters come in a later release',
    header_validation_config: 'there is one header validator, as strict as the RFC',
    outlier_detection: 'outlier detection comes in a later release',
    request_mirror_policies: ON_ROUTES,
    hash_policy: ON_ROUTES,
    retry_policy: ON_ROUTES,
  },
})
declareSupport(`${TYPE}.ExplicitHttpConfig`, {
  supported: ['http_protocol_options'],
  refused: { http2_protocol_options: NO_HTTP2, http3_protocol_options: 'HTTP/3 is not supported' },
})

const DEFAULT_IDLE_MS = 3_600_000
const DEFAULT_MAX_RESPONSE_HEADERS_KB = 80

export interface ProtocolOptions {
  readonly http1: Http1Options
  readonly idleTimeoutMs: number
  readonly maxConnectionDurationMs: number
  readonly maxRequestsPerConnection: number
}

interface Source {
  readonly common: CommonOptionsJson | undefined
  readonly http1: Http1ProtocolOptionsJson | undefined
  readonly http1Path: ConfigPath
  readonly commonPath: ConfigPath
}

/** The typed options win; without them the deprecated fields of the cluster itself apply. */
function sourceOf(cluster: ClusterJson, context: CompileContext, path: ConfigPath): Source {
  const at = path.field('typed_extension_protocol_options')
  for (const [name, any] of Object.entries(cluster.typedExtensionProtocolOptions ?? {})) {
    const type = typeName(any as { '@type'?: string })
    if (type !== TYPE) {
      context.diagnostics.error(at.field(name), `no protocol options of type ${type} are read`, {
        expected: TYPE,
        found: type,
      })
      continue
    }
    const deprecated = ['commonHttpProtocolOptions', 'httpProtocolOptions', 'maxRequestsPerConnection'] as const
    for (const field of deprecated) {
      if (cluster[field] === undefined) continue
      context.diagnostics.error(path.field(field), 'stands beside typed_extension_protocol_options, which replace it')
    }
    const options = any as HttpProtocolOptionsJson
    return {
      common: options.commonHttpProtocolOptions,
      http1: options.explicitHttpConfig?.httpProtocolOptions,
      http1Path: at.field(name).field('explicit_http_config').field('http_protocol_options'),
      commonPath: at.field(name).field('common_http_protocol_options'),
    }
  }
  return {
    common: cluster.commonHttpProtocolOptions,
    http1: cluster.httpProtocolOptions,
    http1Path: path.field('http_protocol_options'),
    commonPath: path.field('common_http_protocol_options'),
  }
}

/** HTTP options of a cluster: extension `envoy.extensions.upstreams.http.v3.HttpProtocolOptions` or the older fields. */
export function compileProtocolOptions(
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): ProtocolOptions {
  const { common, http1, http1Path, commonPath } = sourceOf(cluster, context, path)
  // The message is that of connection managers too, where the field is honoured.
  if (common?.maxStreamDuration !== undefined) {
    context.diagnostics.error(
      commonPath.field('max_stream_duration'),
      'a limit per upstream stream comes in a later release',
      {
        expected: 'max_stream_duration of a route or of the connection manager',
      },
    )
  }
  const limits = headLimits(common, common?.maxResponseHeadersKb ?? DEFAULT_MAX_RESPONSE_HEADERS_KB)
  return {
    http1: compileHttp1Options(http1, limits, context, http1Path),
    idleTimeoutMs: durationMs(common?.idleTimeout, DEFAULT_IDLE_MS),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0,
  }
}
