import type { Tracing_HttpJson as ProviderJson } from '#api/envoy/config/trace/v3/http_tracer_pb.ts'
import type {
  HttpConnectionManagerJson,
  HttpConnectionManager_TracingJson as TracingJson,
} from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { PercentJson } from '#api/envoy/type/v3/percent_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type FractionOf } from '../../config/index.ts'
import {
  compileCustomTags,
  compileOperation,
  mergeCustomTags,
  type RouteTracing,
  TRACER_CATEGORY,
  type TracerPlan,
} from '../../http/index.ts'
import type { ThreadContext } from '../../net/index.ts'
import type { Tracer, TraceSettings } from '../../observability/index.ts'
import type { TracingPlan } from './tracing-plan.ts'

declareSupport('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing', {
  supported: [
    'client_sampling',
    'random_sampling',
    'overall_sampling',
    'verbose',
    'max_path_tag_length',
    'custom_tags',
    'provider',
    'spawn_upstream_span',
    'operation',
    'upstream_operation',
    'no_context_propagation',
  ],
})
declareSupport('envoy.config.trace.v3.Tracing.Http', { supported: ['name', 'typed_config'] })
declareSupport('envoy.config.trace.v3.Tracing', { supported: ['http'] })

const MAX_PATH_TAG_LENGTH = 256
const TEN_THOUSAND = 10_000

/** Null: nothing is traced. */
export function compileTracing(
  { tracing, requestIdExtension }: HttpConnectionManagerJson,
  context: CompileContext,
  path: ConfigPath,
): TracingPlan | null {
  if (tracing === undefined) return null
  const settings = compileSettings(tracing, context, path)
  const ofRoutes = new WeakMap<RouteTracing, TraceSettings>()
  return {
    tracer: compileProvider(tracing, context, path),
    sampling: {
      client: { numerator: Math.floor(Number(tracing.clientSampling?.value ?? 100)), denominator: 100 },
      random: percentOf(tracing.randomSampling),
      overall: percentOf(tracing.overallSampling),
    },
    usesRequestId: usesRequestId(requestIdExtension?.typedConfig),
    settings,
    settingsFor: route => {
      let merged = ofRoutes.get(route)
      if (merged === undefined) {
        merged = {
          ...settings,
          customTags: mergeCustomTags(settings.customTags, route.customTags),
          operation: route.operation ?? settings.operation,
          upstreamOperation: route.upstreamOperation ?? settings.upstreamOperation,
        }
        ofRoutes.set(route, merged)
      }
      return merged
    },
  }
}

function compileSettings(tracing: TracingJson, context: CompileContext, path: ConfigPath): TraceSettings {
  return {
    egress: context.trafficDirection === 'OUTBOUND',
    spawnsUpstream: tracing.spawnUpstreamSpan ?? false,
    verbose: tracing.verbose ?? false,
    maxPathTagLength: tracing.maxPathTagLength ?? MAX_PATH_TAG_LENGTH,
    customTags: compileCustomTags(tracing.customTags, context, path.field('custom_tags')),
    operation: compileOperation(tracing.operation, context, path.field('operation')),
    upstreamOperation: compileOperation(tracing.upstreamOperation, context, path.field('upstream_operation')),
    propagates: tracing.noContextPropagation !== true,
    nodeId: context.node.id ?? '',
    zone: context.node.locality?.zone ?? '',
  }
}

/** As Envoy: a hundredth of a percent is the least. */
function percentOf(percent: PercentJson | undefined): FractionOf {
  const value = percent === undefined ? 100 : Number(percent.value ?? 0)
  return { numerator: Math.round(value * (TEN_THOUSAND / 100)), denominator: TEN_THOUSAND }
}

function usesRequestId(extension: object | undefined): boolean {
  return (extension as { useRequestIdForTraceSampling?: boolean } | undefined)?.useRequestIdForTraceSampling ?? true
}

/** The bootstrap's provider serves where there is no own one. */
function compileProvider(tracing: TracingJson, context: CompileContext, path: ConfigPath): TracerPlan | null {
  const provider = tracing.provider ?? context.defaultTracer
  if (provider === undefined) return null
  const at = path.field('provider')
  const factory = context.extensions.find(TRACER_CATEGORY, provider, context, at)
  if (factory === undefined) return null
  const plan = factory.compile(provider.typedConfig!, context, at.field('typed_config')) as TracerPlan
  return { open: thread => sharedTracer(plan, provider, thread) }
}

const tracersOf = new WeakMap<ThreadContext, Map<string, WeakRef<Tracer>>>()

/** Connection managers that are configured alike have one tracer on a thread, as in Envoy: its batches are common. */
function sharedTracer(plan: TracerPlan, provider: ProviderJson, thread: ThreadContext): Tracer {
  let tracers = tracersOf.get(thread)
  if (tracers === undefined) {
    tracers = new Map()
    tracersOf.set(thread, tracers)
  }
  const key = JSON.stringify(provider)
  let tracer = tracers.get(key)?.deref()
  if (tracer === undefined) {
    for (const [old, known] of tracers) if (known.deref() === undefined) tracers.delete(old)
    tracer = plan.open(thread)
    tracers.set(key, new WeakRef(tracer))
  }
  return tracer
}
