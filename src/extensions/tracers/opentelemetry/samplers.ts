// Samplers have a say where the request id's verdict is that a request is traced.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { ParentBasedSamplerConfigJson } from '#api/envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler_pb.ts'
import type { TraceIdRatioBasedSamplerConfigJson } from '#api/envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type ExtensionFactory,
  fractionalPercent,
} from '../../../config/index.ts'
import type { ParentContext } from './otel-span.ts'

const API = 'envoy.extensions.tracers.opentelemetry.samplers.v3'
const CATEGORY = 'envoy.tracers.opentelemetry.samplers'

declareSupport(`${API}.AlwaysOnSamplerConfig`, { supported: [] })
declareSupport(`${API}.ParentBasedSamplerConfig`, { supported: ['wrapped_sampler'] })
declareSupport(`${API}.TraceIdRatioBasedSamplerConfig`, { supported: ['sampling_percentage'] })

export type Sampler = (parent: ParentContext | null, traceId: string) => boolean

/** Undefined after a diagnostic. */
export function compileSampler(
  json: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): Sampler | undefined {
  const factory = context.extensions.find(CATEGORY, json, context, path)
  return factory?.compile(json.typedConfig!, context, path.field('typed_config')) as Sampler | undefined
}

const always: Sampler = () => true

export const alwaysOnSamplerFactory: ExtensionFactory<Sampler> = {
  name: 'envoy.tracers.opentelemetry.samplers.always_on',
  category: CATEGORY,
  typeNames: [`${API}.AlwaysOnSamplerConfig`],
  compile: () => always,
}

export const parentBasedSamplerFactory: ExtensionFactory<Sampler> = {
  name: 'envoy.tracers.opentelemetry.samplers.parent_based',
  category: CATEGORY,
  typeNames: [`${API}.ParentBasedSamplerConfig`],
  compile: (config, context, path) => {
    const { wrappedSampler } = config as ParentBasedSamplerConfigJson
    const at = path.field('wrapped_sampler')
    if (wrappedSampler === undefined) context.diagnostics.error(at, 'says what holds for traces that begin here')
    const wrapped = wrappedSampler === undefined ? undefined : compileSampler(wrappedSampler, context, at)
    return (parent, traceId) => (parent === null ? (wrapped ?? always)(null, traceId) : parent.sampled)
  },
}

export const traceIdRatioSamplerFactory: ExtensionFactory<Sampler> = {
  name: 'envoy.tracers.opentelemetry.samplers.trace_id_ratio_based',
  category: CATEGORY,
  typeNames: [`${API}.TraceIdRatioBasedSamplerConfig`],
  compile: config => {
    const { numerator, denominator } = fractionalPercent(
      (config as TraceIdRatioBasedSamplerConfigJson).samplingPercentage,
    )
    const share = BigInt(numerator)
    const of = BigInt(denominator)
    // As Envoy: the first eight bytes as a number of the machine's own order, which is little-endian wherever it runs.
    return (_parent, traceId) => Buffer.from(traceId.slice(0, 16), 'hex').readBigUInt64LE() % of < share
  },
}
