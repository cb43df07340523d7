// The one list of extensions: what is not here does not exist.
import { type ExtensionFactory, ExtensionRegistry } from '../config/index.ts'
import { fileAccessLoggerFactory } from '../extensions/access-loggers/file/index.ts'
import { httpGrpcAccessLoggerFactory, tcpGrpcAccessLoggerFactory } from '../extensions/access-loggers/grpc/index.ts'
import { openTelemetryAccessLoggerFactory } from '../extensions/access-loggers/open_telemetry/index.ts'
import { stderrAccessLoggerFactory, stdoutAccessLoggerFactory } from '../extensions/access-loggers/stream/index.ts'
import { brotliCompressorFactory, brotliDecompressorFactory } from '../extensions/compression/brotli/index.ts'
import { gzipCompressorFactory, gzipDecompressorFactory } from '../extensions/compression/gzip/index.ts'
import { zstdCompressorFactory, zstdDecompressorFactory } from '../extensions/compression/zstd/index.ts'
import { fileEventSinkFactory } from '../extensions/health-check-event-sinks/file/index.ts'
import { redisHealthCheckerFactory } from '../extensions/health-checkers/redis/index.ts'
import { adaptiveConcurrencyFactory } from '../extensions/http-filters/adaptive_concurrency/index.ts'
import { admissionControlFactory } from '../extensions/http-filters/admission_control/index.ts'
import { apiKeyAuthFactory, apiKeyAuthPerRouteFactory } from '../extensions/http-filters/api_key_auth/index.ts'
import { awsLambdaFactory, awsLambdaPerRouteFactory } from '../extensions/http-filters/aws_lambda/index.ts'
import {
  awsRequestSigningFactory,
  awsRequestSigningPerRouteFactory,
} from '../extensions/http-filters/aws_request_signing/index.ts'
import {
  bandwidthLimitFactory,
  bandwidthLimitPerRouteFactory,
} from '../extensions/http-filters/bandwidth_limit/index.ts'
import { basicAuthFactory, basicAuthPerRouteFactory } from '../extensions/http-filters/basic_auth/index.ts'
import { bodySizeLimitFactory } from '../extensions/http-filters/body_size_limit/index.ts'
import { bufferFactory, bufferPerRouteFactory } from '../extensions/http-filters/buffer/index.ts'
import { cacheFactory } from '../extensions/http-filters/cache/index.ts'
import { cdnLoopFactory } from '../extensions/http-filters/cdn_loop/index.ts'
import {
  compositeFactory,
  compositePerRouteFactory,
  matchDelegateFactory,
  matchDelegatePerRouteFactory,
} from '../extensions/http-filters/composite/index.ts'
import { compressorFactory, compressorPerRouteFactory } from '../extensions/http-filters/compressor/index.ts'
import { connectGrpcBridgeFactory } from '../extensions/http-filters/connect_grpc_bridge/index.ts'
import { corsFactory, corsPolicyFactory } from '../extensions/http-filters/cors/index.ts'
import {
  clientCredentialsFactory,
  credentialInjectorFactory,
  genericCredentialFactory,
} from '../extensions/http-filters/credential_injector/index.ts'
import { csrfFactory, csrfPerRouteFactory } from '../extensions/http-filters/csrf/index.ts'
import {
  customResponseFactory,
  customResponsePerRouteFactory,
  localResponsePolicyFactory,
  redirectPolicyFactory,
} from '../extensions/http-filters/custom_response/index.ts'
import { decompressorFactory } from '../extensions/http-filters/decompressor/index.ts'
import {
  dynamicForwardProxyFactory,
  dynamicForwardProxyPerRouteFactory,
} from '../extensions/http-filters/dynamic_forward_proxy/index.ts'
import { extAuthzFactory, extAuthzPerRouteFactory } from '../extensions/http-filters/ext_authz/index.ts'
import { extProcFactory, extProcPerRouteFactory } from '../extensions/http-filters/ext_proc/index.ts'
import { faultFactory, faultPerRouteFactory } from '../extensions/http-filters/fault/index.ts'
import { grpcHttp1BridgeFactory } from '../extensions/http-filters/grpc_http1_bridge/index.ts'
import {
  grpcHttp1ReverseBridgeFactory,
  grpcHttp1ReverseBridgePerRouteFactory,
} from '../extensions/http-filters/grpc_http1_reverse_bridge/index.ts'
import {
  grpcJsonTranscoderFactory,
  grpcJsonTranscoderPerRouteFactory,
} from '../extensions/http-filters/grpc_json_transcoder/index.ts'
import { grpcStatsFactory } from '../extensions/http-filters/grpc_stats/index.ts'
import { grpcWebFactory } from '../extensions/http-filters/grpc_web/index.ts'
import {
  headerMutationFactory,
  headerMutationPerRouteFactory,
} from '../extensions/http-filters/header_mutation/index.ts'
import {
  headerToMetadataFactory,
  headerToMetadataPerRouteFactory,
} from '../extensions/http-filters/header_to_metadata/index.ts'
import { healthCheckFactory } from '../extensions/http-filters/health_check/index.ts'
import { ipTaggingFactory } from '../extensions/http-filters/ip_tagging/index.ts'
import {
  jsonToMetadataFactory,
  jsonToMetadataPerRouteFactory,
} from '../extensions/http-filters/json_to_metadata/index.ts'
import { jwtAuthnFactory, jwtAuthnPerRouteFactory } from '../extensions/http-filters/jwt_authn/index.ts'
import {
  localRateLimitFactory,
  localRateLimitPerRouteFactory,
} from '../extensions/http-filters/local_ratelimit/index.ts'
import { luaClusterSpecifierFactory, luaFactory, luaPerRouteFactory } from '../extensions/http-filters/lua/index.ts'
import { oauth2Factory, oauth2PerRouteFactory } from '../extensions/http-filters/oauth2/index.ts'
import { onDemandFactory, onDemandPerRouteFactory } from '../extensions/http-filters/on_demand/index.ts'
import { rateLimitFactory, rateLimitPerRouteFactory } from '../extensions/http-filters/ratelimit/index.ts'
import { rbacFactory, rbacPerRouteFactory } from '../extensions/http-filters/rbac/index.ts'
import {
  setFilterStateFactory,
  setFilterStatePerRouteFactory,
} from '../extensions/http-filters/set_filter_state/index.ts'
import { setMetadataFactory } from '../extensions/http-filters/set_metadata/index.ts'
import {
  cookieSessionStateFactory,
  headerSessionStateFactory,
  statefulSessionFactory,
  statefulSessionPerRouteFactory,
} from '../extensions/http-filters/stateful_session/index.ts'
import { tapFactory } from '../extensions/http-filters/tap/index.ts'
import { httpInspectorFactory } from '../extensions/listener-filters/http_inspector/index.ts'
import { listenerLocalRateLimitFactory } from '../extensions/listener-filters/local_ratelimit/index.ts'
import { proxyProtocolFactory } from '../extensions/listener-filters/proxy_protocol/index.ts'
import { tlsInspectorFactory } from '../extensions/listener-filters/tls_inspector/index.ts'
import { connectionLimitFactory } from '../extensions/network-filters/connection_limit/index.ts'
import { directResponseFactory } from '../extensions/network-filters/direct_response/index.ts'
import { echoFactory } from '../extensions/network-filters/echo/index.ts'
import { networkExtAuthzFactory } from '../extensions/network-filters/ext_authz/index.ts'
import { networkLocalRateLimitFactory } from '../extensions/network-filters/local_ratelimit/index.ts'
import { networkRateLimitFactory } from '../extensions/network-filters/ratelimit/index.ts'
import { networkRbacFactory } from '../extensions/network-filters/rbac/index.ts'
import { redisOptionsFactory, redisProxyFactory } from '../extensions/network-filters/redis_proxy/index.ts'
import { networkSetFilterStateFactory } from '../extensions/network-filters/set_filter_state/index.ts'
import { sniClusterFactory } from '../extensions/network-filters/sni_cluster/index.ts'
import { sniDynamicForwardProxyFactory } from '../extensions/network-filters/sni_dynamic_forward_proxy/index.ts'
import { tcpProxyFactory } from '../extensions/network-filters/tcp_proxy/index.ts'
import { latencyMonitorFactory } from '../extensions/outlier-monitors/latency/index.ts'
import { datadogTracerFactory } from '../extensions/tracers/datadog/index.ts'
import {
  alwaysOnSamplerFactory,
  environmentDetectorFactory,
  openTelemetryTracerFactory,
  parentBasedSamplerFactory,
  staticDetectorFactory,
  traceIdRatioSamplerFactory,
} from '../extensions/tracers/opentelemetry/index.ts'
import { skyWalkingTracerFactory } from '../extensions/tracers/skywalking/index.ts'
import { zipkinTracerFactory } from '../extensions/tracers/zipkin/index.ts'
import { http11ProxyFactory } from '../extensions/transport-sockets/http_11_proxy/index.ts'
import {
  downstreamRawBufferFactory,
  upstreamRawBufferFactory,
} from '../extensions/transport-sockets/raw_buffer/index.ts'
import { downstreamTlsFactory, upstreamTlsFactory } from '../extensions/transport-sockets/tls/index.ts'
import { upstreamProxyProtocolFactory } from '../extensions/transport-sockets/upstream_proxy_protocol/index.ts'
import { dnsFilterFactory } from '../extensions/udp-listener-filters/dns_filter/index.ts'
import { udpProxyFactory } from '../extensions/udp-listener-filters/udp_proxy/index.ts'
import { type CompileRoutes, httpConnectionManagerFactory } from '../http-connection-manager/index.ts'
import { compileRouteConfiguration, routerFactory } from '../router/index.ts'

const extensions = (compileRoutes: CompileRoutes): readonly ExtensionFactory[] => [
  onDemandFactory,
  onDemandPerRouteFactory,
  setFilterStateFactory,
  setFilterStatePerRouteFactory,
  httpInspectorFactory,
  listenerLocalRateLimitFactory,
  proxyProtocolFactory,
  udpProxyFactory,
  dnsFilterFactory,
  tlsInspectorFactory,
  connectionLimitFactory,
  directResponseFactory,
  echoFactory,
  networkExtAuthzFactory,
  networkLocalRateLimitFactory,
  networkRateLimitFactory,
  networkRbacFactory,
  networkSetFilterStateFactory,
  sniClusterFactory,
  sniDynamicForwardProxyFactory,
  redisProxyFactory,
  tcpProxyFactory,
  httpConnectionManagerFactory(compileRoutes),
  routerFactory,
  adaptiveConcurrencyFactory,
  admissionControlFactory,
  jsonToMetadataFactory,
  jsonToMetadataPerRouteFactory,
  jwtAuthnFactory,
  jwtAuthnPerRouteFactory,
  oauth2Factory,
  oauth2PerRouteFactory,
  compositeFactory,
  compositePerRouteFactory,
  matchDelegateFactory,
  matchDelegatePerRouteFactory,
  tapFactory,
  cacheFactory,
  customResponseFactory,
  customResponsePerRouteFactory,
  localResponsePolicyFactory,
  redirectPolicyFactory,
  credentialInjectorFactory,
  genericCredentialFactory,
  clientCredentialsFactory,
  bandwidthLimitFactory,
  bandwidthLimitPerRouteFactory,
  cookieSessionStateFactory,
  headerSessionStateFactory,
  statefulSessionFactory,
  statefulSessionPerRouteFactory,
  ipTaggingFactory,
  headerToMetadataFactory,
  headerToMetadataPerRouteFactory,
  setMetadataFactory,
  cdnLoopFactory,
  rateLimitFactory,
  rateLimitPerRouteFactory,
  decompressorFactory,
  dynamicForwardProxyFactory,
  dynamicForwardProxyPerRouteFactory,
  extAuthzFactory,
  extAuthzPerRouteFactory,
  extProcFactory,
  extProcPerRouteFactory,
  brotliCompressorFactory,
  brotliDecompressorFactory,
  gzipCompressorFactory,
  gzipDecompressorFactory,
  zstdCompressorFactory,
  zstdDecompressorFactory,
  compressorFactory,
  compressorPerRouteFactory,
  bodySizeLimitFactory,
  bufferFactory,
  bufferPerRouteFactory,
  apiKeyAuthFactory,
  apiKeyAuthPerRouteFactory,
  awsLambdaFactory,
  awsLambdaPerRouteFactory,
  awsRequestSigningFactory,
  awsRequestSigningPerRouteFactory,
  basicAuthFactory,
  basicAuthPerRouteFactory,
  healthCheckFactory,
  faultFactory,
  faultPerRouteFactory,
  rbacFactory,
  rbacPerRouteFactory,
  csrfFactory,
  csrfPerRouteFactory,
  corsFactory,
  corsPolicyFactory,
  luaFactory,
  luaPerRouteFactory,
  luaClusterSpecifierFactory,
  localRateLimitFactory,
  localRateLimitPerRouteFactory,
  connectGrpcBridgeFactory,
  grpcHttp1BridgeFactory,
  grpcHttp1ReverseBridgeFactory,
  grpcHttp1ReverseBridgePerRouteFactory,
  grpcJsonTranscoderFactory,
  grpcJsonTranscoderPerRouteFactory,
  grpcStatsFactory,
  grpcWebFactory,
  headerMutationFactory,
  headerMutationPerRouteFactory,
  fileAccessLoggerFactory,
  httpGrpcAccessLoggerFactory,
  openTelemetryAccessLoggerFactory,
  tcpGrpcAccessLoggerFactory,
  stdoutAccessLoggerFactory,
  stderrAccessLoggerFactory,
  alwaysOnSamplerFactory,
  environmentDetectorFactory,
  openTelemetryTracerFactory,
  parentBasedSamplerFactory,
  staticDetectorFactory,
  traceIdRatioSamplerFactory,
  datadogTracerFactory,
  skyWalkingTracerFactory,
  zipkinTracerFactory,
  downstreamRawBufferFactory,
  upstreamRawBufferFactory,
  downstreamTlsFactory,
  upstreamTlsFactory,
  upstreamProxyProtocolFactory,
  http11ProxyFactory,
  fileEventSinkFactory,
  redisHealthCheckerFactory,
  redisOptionsFactory,
  latencyMonitorFactory,
]

/** A registry of all extensions; each thread makes its own. */
export function extensionRegistry(compileRoutes: CompileRoutes = compileRouteConfiguration): ExtensionRegistry {
  const registry = new ExtensionRegistry()
  for (const extension of extensions(compileRoutes)) registry.register(extension)
  return registry
}
