// Extensions of Envoy that are refused as a whole: what each is, and what to do instead. Here the HTTP filters.
import { REFUSED_CONNECTION_EXTENSIONS } from './refused-connection-extensions.ts'
import { REFUSED_TRACERS } from './refused-tracers.ts'

const SCRIPT = 'write an HTTP filter in TypeScript (CONTRIBUTING.md, "An HTTP filter") or use the lua filter'
const MODELS = 'protocols of AI agents are not part of this release; plain HTTP routing of them works'
const HTTP = 'envoy.extensions.filters.http'

/** Full type name -> the reason, as docs/compat.md prints it. */
export const REFUSED_EXTENSIONS: Readonly<Record<string, string>> = {
  ...REFUSED_CONNECTION_EXTENSIONS,
  ...REFUSED_TRACERS,
  [`${HTTP}.a2a.v3.A2a`]: MODELS,
  [`${HTTP}.ai_protocol_manager.v3.AiProtocolManager`]: MODELS,
  [`${HTTP}.alternate_protocols_cache.v3.FilterConfig`]:
    'it remembers where HTTP/3 is offered, which is not spoken here; leave it out',
  [`${HTTP}.aws_eventstream_parser.v3.AwsEventstreamParser`]: `it reads AWS event streams into metadata; ${SCRIPT}`,
  [`${HTTP}.bandwidth_share.v3.BandwidthShare`]: 'it shares bandwidth among tenants; use bandwidth_limit',
  [`${HTTP}.cache_v2.v3.CacheV2Config`]: 'it is work in progress in Envoy; let a caching server stand upstream',
  [`${HTTP}.checksum.v3alpha.ChecksumConfig`]: 'it compares bodies with checksums; let the client do so',
  [`${HTTP}.dynamic_modules.v3.DynamicModuleFilter`]: `it loads native code into Envoy, whose interface Node.js does not have; ${SCRIPT}`,
  [`${HTTP}.dynamo.v3.Dynamo`]: 'it counts DynamoDB operations; use the metrics of AWS',
  [`${HTTP}.file_server.v3.FileServerConfig`]:
    'it serves files; use a web server as an upstream, or direct_response for a few of them',
  [`${HTTP}.file_system_buffer.v3.FileSystemBufferFilterConfig`]:
    'it buffers bodies on disk, which would block; use buffer, or let flow control slow the sender down',
  [`${HTTP}.filter_chain.v3.FilterChainConfig`]:
    'it is a chain within the chain; list its filters themselves, or use composite where routes differ',
  [`${HTTP}.gcp_authn.v3.GcpAuthnFilterConfig`]:
    'it fetches identity tokens from the metadata server of Google Cloud; use credential_injector with OAuth client credentials',
  [`${HTTP}.geoip.v3.Geoip`]:
    'it looks addresses up in a MaxMind database; use ip_tagging for networks you know, or ext_authz with a service that looks up',
  [`${HTTP}.golang.v3alpha.Config`]: `it loads Go code into Envoy; ${SCRIPT}`,
  [`${HTTP}.grpc_field_extraction.v3.GrpcFieldExtractionConfig`]: `it reads fields of gRPC messages into metadata; ${SCRIPT}`,
  [`${HTTP}.grpc_json_reverse_transcoder.v3.GrpcJsonReverseTranscoder`]:
    'it makes REST calls of gRPC ones; let the service speak gRPC, or use grpc_http1_reverse_bridge',
  [`${HTTP}.kill_request.v3.KillRequest`]:
    'it crashes the proxy on purpose; use fault for aborts, and a signal to kill the process',
  [`${HTTP}.language.v3alpha.Language`]: 'it picks a language by Accept-Language; let the application do so',
  [`${HTTP}.mcp.v3.Mcp`]: MODELS,
  [`${HTTP}.mcp_json_rest_bridge.v3.McpJsonRestBridge`]: MODELS,
  [`${HTTP}.mcp_router.v3.McpRouter`]: MODELS,
  [`${HTTP}.original_src.v3.OriginalSrc`]:
    'it connects upstream from the client address, for which Node.js has no transparent sockets; use x-forwarded-for or PROXY protocol',
  [`${HTTP}.peak_ewma.v3alpha.PeakEwmaConfig`]:
    'it feeds a balancer of the same name; use LEAST_REQUEST with active_request_bias or outlier detection by latency',
  [`${HTTP}.proto_api_scrubber.v3.ProtoApiScrubberConfig`]: `it removes fields from gRPC messages; ${SCRIPT}`,
  [`${HTTP}.proto_message_extraction.v3.ProtoMessageExtractionConfig`]: `it reads gRPC messages into metadata; ${SCRIPT}`,
  [`${HTTP}.rate_limit_quota.v3.RateLimitQuotaFilterConfig`]:
    'it takes quotas from an RLQS service; use ratelimit or local_ratelimit',
  [`${HTTP}.squash.v3.Squash`]: 'it attaches debuggers in Kubernetes, and is gone from Envoy as well; leave it out',
  [`${HTTP}.sse_to_metadata.v3.SseToMetadata`]: `it reads server-sent events into metadata; ${SCRIPT}`,
  [`${HTTP}.sxg.v3alpha.SXG`]: 'it makes signed HTTP exchanges; let the origin make them',
  [`${HTTP}.thrift_to_metadata.v3.ThriftToMetadata`]:
    'it reads Thrift messages into metadata; Thrift is not spoken here',
  [`${HTTP}.transform.v3.TransformConfig`]: 'it rewrites bodies by templates; use lua or header_mutation',
  [`${HTTP}.upstream_codec.v3.UpstreamCodec`]:
    'it ends a chain of filters between router and upstream, which is not offered; leave it out',
  [`${HTTP}.wasm.v3.Wasm`]: `it runs WebAssembly by the proxy-wasm interface; ${SCRIPT}`,
}
