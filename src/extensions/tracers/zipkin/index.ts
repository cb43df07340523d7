import type { ZipkinConfigJson } from '#api/envoy/config/trace/v3/zipkin_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { TRACER_CATEGORY, type TracerPlan } from '../../../http/index.ts'
import { type CollectorAddress, checkServiceCluster, compileHttpService } from '../../../upstream/index.ts'
import { ZipkinReporter } from './reporter.ts'
import { JsonSerializer, ProtoSerializer } from './serializer.ts'
import { type ZipkinSettings, ZipkinTracer } from './zipkin-tracer.ts'

const TYPE = 'envoy.config.trace.v3.ZipkinConfig'
const VERSIONS = { expected: 'HTTP_JSON or HTTP_PROTO' }

declareSupport(TYPE, {
  supported: [
    'collector_cluster',
    'collector_endpoint',
    'collector_hostname',
    'collector_service',
    'collector_endpoint_version',
    'trace_id_128bit',
    'timestamp_trace_ids',
    'shared_span_context',
    'split_spans_for_request',
    'trace_context_option',
  ],
  values: { collector_endpoint_version: { GRPC: 'Zipkin is not spoken over gRPC; use HTTP_JSON or HTTP_PROTO' } },
})

/** envoy.tracers.zipkin */
export const zipkinTracerFactory: ExtensionFactory<TracerPlan> = {
  name: 'envoy.tracers.zipkin',
  category: TRACER_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const json = config as ZipkinConfigJson
    const address = compileCollector(json, context, path)
    const version = json.collectorEndpointVersion ?? 'DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE'
    if (version === 'DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE') {
      const at = path.field('collector_endpoint_version')
      context.diagnostics.error(at, "Zipkin's API v1 is gone", { ...VERSIONS, found: version })
    }
    const sharedSpanContext = json.sharedSpanContext ?? true
    const settings: ZipkinSettings = {
      longTraceIds: json.traceId128bit ?? false,
      timestampTraceIds: json.timestampTraceIds ?? false,
      sharedSpanContext,
      splitsSpans: json.splitSpansForRequest ?? false,
      withTraceParent: json.traceContextOption === 'USE_B3_WITH_W3C_PROPAGATION',
    }
    const serviceName = context.node.cluster ?? ''
    return {
      open: thread => {
        const Form = version === 'HTTP_PROTO' ? ProtoSerializer : JsonSerializer
        const reporter = new ZipkinReporter(thread, address, new Form(serviceName, sharedSpanContext))
        return new ZipkinTracer(settings, reporter)
      },
    }
  },
}

function compileCollector(json: ZipkinConfigJson, context: CompileContext, path: ConfigPath): CollectorAddress {
  if (json.collectorService !== undefined) {
    return compileHttpService(json.collectorService, context, path.field('collector_service'))
  }
  const { collectorCluster: cluster = '', collectorEndpoint = '', collectorHostname = '' } = json
  if (cluster === '') {
    context.diagnostics.error(path, 'there is no collector', { expected: 'collector_cluster or collector_service' })
  } else {
    checkServiceCluster(cluster, context, path.field('collector_cluster'))
    if (collectorEndpoint === '') {
      const at = path.field('collector_endpoint')
      context.diagnostics.error(at, 'the collector needs a path', { expected: 'a path, such as /api/v2/spans' })
    }
  }
  const host = toWireText(collectorHostname === '' ? cluster : collectorHostname)
  return { cluster, host, path: toWireText(collectorEndpoint), headers: [], timeoutMs: 0 }
}
