import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type {
  HttpProtocolOptionsJson as CommonOptionsJson,
  Http1ProtocolOptionsJson,
  Http2ProtocolOptionsJson,
  UpstreamHttpProtocolOptionsJson,
} from '#api/envoy/config/core/v3/protocol_pb.ts'
import type { HttpProtocolOptionsJson } from '#api/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs, typeName } from '../../config/index.ts'
import {
  compileHashPolicy,
  compileHttp1Options,
  compileHttp2Options,
  compileRetryPolicy,
  type HashPolicyPlan,
  HeaderName,
  type Http1Options,
  type Http2Options,
  headLimits,
  type RetryPolicyPlan,
} from '../../http/index.ts'
import type { ClusterPlan, ServerNamePlan } from '../cluster-plan.ts'
import { protocolOptionsFactory } from './extension-options.ts'

const TYPE = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const NO_HTTP3 = 'HTTP/3 needs QUIC, which Node does not offer'
const ON_ROUTES = 'set it on the routes instead'

declareSupport(TYPE, {
  supported: [
    'common_http_protocol_options',
    'explicit_http_config',
    'use_downstream_protocol_config',
    'auto_config',
    'outlier_detection',
    'upstream_http_protocol_options',
    'hash_policy',
    'retry_policy',
  ],
  refused: {
    http_filters: 'upstream filters come in a later release',
    header_validation_config: 'there is one header validator, as strict as the RFC',
    request_mirror_policies: ON_ROUTES,
  },
})
declareSupport(`${TYPE}.ExplicitHttpConfig`, {
  supported: ['http_protocol_options', 'http2_protocol_options'],
  refused: { http3_protocol_options: NO_HTTP3 },
})
declareSupport(`${TYPE}.UseDownstreamHttpConfig`, {
  supported: ['http_protocol_options', 'http2_protocol_options'],
  refused: { http3_protocol_options: NO_HTTP3 },
})
declareSupport(`${TYPE}.AutoHttpConfig`, {
  supported: ['http_protocol_options', 'http2_protocol_options'],
  refused: {
    http3_protocol_options: NO_HTTP3,
    alternate_protocols_cache_options: NO_HTTP3,
  },
})

declareSupport('envoy.config.core.v3.UpstreamHttpProtocolOptions', {
  supported: ['auto_sni', 'auto_san_validation', 'override_auto_sni_header'],
})

const DEFAULT_IDLE_MS = 3_600_000
const DEFAULT_MAX_RESPONSE_HEADERS_KB = 80

export interface ProtocolOptions {
  readonly protocol: ClusterPlan['protocol']
  readonly serverNames: ServerNamePlan
  readonly http1: Http1Options
  readonly http2: Http2Options
  readonly idleTimeoutMs: number
  readonly maxConnectionDurationMs: number
  readonly maxConnectionDurationJitter: number
  readonly maxRequestsPerConnection: number
  /** In place of those of routes; null: theirs count. */
  readonly retryPolicy: RetryPolicyPlan | null
  readonly hashPolicy: HashPolicyPlan | null
}

interface Source {
  readonly policies: Pick<HttpProtocolOptionsJson, 'retryPolicy' | 'hashPolicy'>
  readonly protocol: ClusterPlan['protocol']
  readonly names: UpstreamHttpProtocolOptionsJson | undefined
  readonly common: CommonOptionsJson | undefined
  readonly http1: Http1ProtocolOptionsJson | undefined
  readonly http2: Http2ProtocolOptionsJson | undefined
  /** Where the messages above stand. */
  readonly path: ConfigPath
  readonly commonPath: ConfigPath
}

const DEPRECATED = [
  'commonHttpProtocolOptions',
  'httpProtocolOptions',
  'http2ProtocolOptions',
  'upstreamHttpProtocolOptions',
  'maxRequestsPerConnection',
] as const

/** The typed options win; without them the deprecated fields of the cluster itself apply. */
function sourceOf(cluster: ClusterJson, context: CompileContext, path: ConfigPath): Source {
  const at = path.field('typed_extension_protocol_options')
  for (const [name, any] of Object.entries(cluster.typedExtensionProtocolOptions ?? {})) {
    const type = typeName(any as { '@type'?: string })
    if (type !== TYPE) {
      if (protocolOptionsFactory(type, context) === undefined) {
        context.diagnostics.error(at.field(name), `no protocol options of type ${type} are read`, {
          expected: TYPE,
          found: type,
        })
      }
      continue
    }
    for (const field of DEPRECATED) {
      if (cluster[field] === undefined) continue
      context.diagnostics.error(path.field(field), 'stands beside typed_extension_protocol_options, which replace it')
    }
    return typedSource(any as HttpProtocolOptionsJson, at.field(name))
  }
  const asDownstream = cluster.protocolSelection === 'USE_DOWNSTREAM_PROTOCOL'
  return {
    policies: {},
    protocol: asDownstream ? 'downstream' : cluster.http2ProtocolOptions === undefined ? 'http1' : 'http2',
    names: cluster.upstreamHttpProtocolOptions,
    common: cluster.commonHttpProtocolOptions,
    http1: cluster.httpProtocolOptions,
    http2: cluster.http2ProtocolOptions,
    path,
    commonPath: path.field('common_http_protocol_options'),
  }
}

function typedSource(options: HttpProtocolOptionsJson, path: ConfigPath): Source {
  const { explicitHttpConfig: explicit, useDownstreamProtocolConfig: downstream, autoConfig: auto } = options
  const chosen = explicit ?? downstream ?? auto
  return {
    policies: options,
    protocol:
      downstream !== undefined
        ? 'downstream'
        : auto !== undefined
          ? 'auto'
          : explicit?.http2ProtocolOptions === undefined
            ? 'http1'
            : 'http2',
    names: options.upstreamHttpProtocolOptions,
    common: options.commonHttpProtocolOptions,
    http1: chosen?.httpProtocolOptions,
    http2: chosen?.http2ProtocolOptions,
    path: path.field(
      downstream !== undefined
        ? 'use_downstream_protocol_config'
        : auto !== undefined
          ? 'auto_config'
          : 'explicit_http_config',
    ),
    commonPath: path.field('common_http_protocol_options'),
  }
}

/** HTTP options of a cluster: extension `envoy.extensions.upstreams.http.v3.HttpProtocolOptions` or the older fields. */
export function compileProtocolOptions(
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): ProtocolOptions {
  const { protocol, policies, names, common, http1, http2, path: at, commonPath } = sourceOf(cluster, context, path)
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
    protocol,
    serverNames: {
      autoSni: names?.autoSni ?? false,
      autoSanValidation: names?.autoSanValidation ?? false,
      autoSniHeader: names?.overrideAutoSniHeader ? HeaderName.of(names.overrideAutoSniHeader.toLowerCase()) : null,
    },
    http1: compileHttp1Options(http1, limits, context, at.field('http_protocol_options')),
    http2: compileHttp2Options(http2, limits, context, at.field('http2_protocol_options')),
    idleTimeoutMs: durationMs(common?.idleTimeout, DEFAULT_IDLE_MS),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    maxConnectionDurationJitter: Math.min(Number(common?.maxConnectionDurationJitter?.value ?? 0), 100) / 100,
    ...compilePolicies(policies, context, path.field('typed_extension_protocol_options')),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0,
  }
}

function compilePolicies(
  { retryPolicy, hashPolicy }: Source['policies'],
  context: CompileContext,
  path: ConfigPath,
): Pick<ProtocolOptions, 'retryPolicy' | 'hashPolicy'> {
  return {
    retryPolicy:
      retryPolicy === undefined ? null : compileRetryPolicy(retryPolicy, context, path.field('retry_policy')),
    hashPolicy: compileHashPolicy(hashPolicy, context, path.field('hash_policy')),
  }
}
