import type { ClientConfigJson, SkyWalkingConfigJson } from '#api/envoy/config/trace/v3/skywalking_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { type CompileContext, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { HeaderName, TRACER_CATEGORY, type TracerPlan } from '../../../http/index.ts'
import type { Span, SpanStart, Tracer } from '../../../observability/index.ts'
import { compileGrpcService } from '../../../upstream/index.ts'
import { type Identity, Segment, type SegmentReporter, SegmentSpan } from './segment.ts'
import { SegmentStream } from './segment-stream.ts'
import { readSw8 } from './sw8.ts'

const TYPE = 'envoy.config.trace.v3.SkyWalkingConfig'
const METHOD = '/skywalking.v3.TraceSegmentReportService/collect'
const MAX_CACHED = 1024
const UNNAMED = 'EnvoyProxy'

declareSupport(TYPE, { supported: ['grpc_service', 'client_config'] })
declareSupport('envoy.config.trace.v3.ClientConfig', {
  supported: ['service_name', 'instance_name', 'backend_token', 'max_cache_size'],
})

class SkyWalkingTracer implements Tracer {
  private readonly identity: Identity
  private readonly reporter: SegmentReporter

  constructor(identity: Identity, reporter: SegmentReporter) {
    this.identity = identity
    this.reporter = reporter
  }

  /** As Envoy: who comes with a context is traced, whatever the request id says; a header that is none does not count. */
  startSpan({ carrier, startWallMs, sampled }: SpanStart): Span | null {
    const said = carrier.lookup('sw8')
    const reference = said === undefined ? null : readSw8(said)
    if (reference === null && !sampled) return null
    const endpoint = carrier.lookup(':path') ?? ''
    return SegmentSpan.entry(new Segment(this.reporter, this.identity, reference, endpoint), startWallMs)
  }
}

/** envoy.tracers.skywalking */
export const skyWalkingTracerFactory: ExtensionFactory<TracerPlan> = {
  name: 'envoy.tracers.skywalking',
  category: TRACER_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const { grpcService = {}, clientConfig = {} } = config as SkyWalkingConfigJson
    const service = compileGrpcService(grpcService, METHOD, 0, context, path.field('grpc_service'))
    const token = toWireText(clientConfig.backendToken ?? '')
    const authentication = token === '' ? [] : [{ name: HeaderName.of('authentication'), value: token }]
    const named = { ...service, initialMetadata: [...service.initialMetadata, ...authentication] }
    const identity = identityOf(clientConfig, context)
    const maxCached = clientConfig.maxCacheSize ?? MAX_CACHED
    return { open: thread => new SkyWalkingTracer(identity, new SegmentStream(thread, named, maxCached)) }
  },
}

function identityOf({ serviceName = '', instanceName = '' }: ClientConfigJson, { node }: CompileContext): Identity {
  return {
    service: toWireText(serviceName || node.cluster || UNNAMED),
    instance: toWireText(instanceName || node.id || UNNAMED),
  }
}
