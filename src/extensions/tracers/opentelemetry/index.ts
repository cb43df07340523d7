import type { OpenTelemetryConfigJson } from '#api/envoy/config/trace/v3/opentelemetry_pb.ts'
import { packageVersion } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type ExtensionFactory,
  messageCodec,
} from '../../../config/index.ts'
import { HeaderName, TRACER_CATEGORY, type TracerPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { compileGrpcService, compileHttpService, messageFields } from '../../../upstream/index.ts'
import { attribute } from './attributes.ts'
import { type Origin, OtelReporter, overGrpc, overHttp, type Send } from './exporter.ts'
import { OtelTracer } from './otel-tracer.ts'
import { compileResource } from './resource.ts'
import { compileSampler } from './samplers.ts'

export { environmentDetectorFactory, staticDetectorFactory } from './resource.ts'
export { alwaysOnSamplerFactory, parentBasedSamplerFactory, traceIdRatioSamplerFactory } from './samplers.ts'

const TYPE = 'envoy.config.trace.v3.OpenTelemetryConfig'
const METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const MAX_CACHE_SIZE = 1024
/** Fields of ResourceSpans and of ScopeSpans. */
const RESOURCE = 1
const SCOPE = 1

declareSupport(TYPE, {
  supported: [
    'grpc_service',
    'http_service',
    'service_name',
    'resource_detectors',
    'sampler',
    'max_cache_size',
    'set_telemetry_sdk_resource_attributes',
    'set_service_name_resource_attribute',
    'set_instrumentation_scope',
  ],
  refused: { exporter: 'exporter extensions are not part of this release: use grpc_service or http_service' },
})

/** envoy.tracers.opentelemetry */
export const openTelemetryTracerFactory: ExtensionFactory<TracerPlan> = {
  name: 'envoy.tracers.opentelemetry',
  category: TRACER_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const json = config as OpenTelemetryConfigJson
    const send = compileExporter(json, context, path)
    const resource = compileResource(json, context, path)
    const sampler =
      json.sampler === undefined ? null : (compileSampler(json.sampler, context, path.field('sampler')) ?? null)
    const maxSpans = json.maxCacheSize ?? MAX_CACHE_SIZE
    return {
      open: thread => {
        const origin = encodeOrigin(resource, json.setInstrumentationScope ?? true)
        return new OtelTracer(new OtelReporter(thread, origin, send(thread), maxSpans), sampler)
      },
    }
  },
}

function compileExporter(
  { grpcService, httpService }: OpenTelemetryConfigJson,
  context: CompileContext,
  path: ConfigPath,
): (thread: ThreadContext) => Send {
  if (httpService !== undefined) {
    const address = compileHttpService(httpService, context, path.field('http_service'))
    const agent = { name: HeaderName.of('user-agent'), value: `OTel-OTLP-Exporter-Outrider/${packageVersion()}` }
    const named = { ...address, headers: [agent, ...address.headers] }
    return thread => overHttp(thread, named)
  }
  if (grpcService === undefined) return () => () => true
  const service = compileGrpcService(grpcService, METHOD, 0, context, path.field('grpc_service'))
  return thread => overGrpc(thread, service)
}

function encodeOrigin(resource: ReadonlyMap<string, string>, withScope: boolean): Origin {
  const attributes = [...resource].map(([name, value]) => attribute(name, value, 'text'))
  const whole = messageCodec('opentelemetry.proto.resource.v1.Resource').encode({ attributes })
  const scope = { name: 'envoy', version: packageVersion() }
  return {
    resource: attributes.length === 0 ? Buffer.alloc(0) : messageFields(RESOURCE, [whole]),
    scope: withScope
      ? messageFields(SCOPE, [messageCodec('opentelemetry.proto.common.v1.InstrumentationScope').encode(scope)])
      : Buffer.alloc(0),
  }
}
