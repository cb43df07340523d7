// What a route says of the tracing of its requests: route.v3.Tracing and route.v3.Decorator.
import type { DecoratorJson, TracingJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { FractionalPercentJson } from '#api/envoy/type/v3/percent_pb.ts'
import { toWireText } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type FractionOf,
  fractionalPercent,
} from '../../config/index.ts'
import { compileTextFormat } from '../../net/index.ts'
import type { CustomTag, Formatter } from '../../observability/index.ts'
import { compileCustomTags } from './custom-tags.ts'

declareSupport('envoy.config.route.v3.Tracing', {
  supported: [
    'client_sampling',
    'random_sampling',
    'overall_sampling',
    'custom_tags',
    'operation',
    'upstream_operation',
  ],
})
declareSupport('envoy.config.route.v3.Decorator', { supported: ['operation', 'propagate'] })

/** The shares of requests that are traced. */
export interface SamplingPlan {
  readonly client: FractionOf
  readonly random: FractionOf
  readonly overall: FractionOf
}

export interface RouteTracing {
  readonly sampling: SamplingPlan
  readonly customTags: readonly CustomTag[]
  readonly operation: Formatter | null
  readonly upstreamOperation: Formatter | null
}

export interface RouteDecorator {
  readonly operation: string
  /** The other side is told. */
  readonly propagates: boolean
}

const ALL: FractionOf = { numerator: 100, denominator: 100 }

const share = (json: FractionalPercentJson | undefined): FractionOf =>
  json === undefined ? ALL : fractionalPercent(json)

export function compileRouteTracing(
  json: TracingJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): RouteTracing | null {
  if (json === undefined) return null
  return {
    sampling: {
      client: share(json.clientSampling),
      random: share(json.randomSampling),
      overall: share(json.overallSampling),
    },
    customTags: compileCustomTags(json.customTags, context, path.field('custom_tags')),
    operation: compileOperation(json.operation, context, path.field('operation')),
    upstreamOperation: compileOperation(json.upstreamOperation, context, path.field('upstream_operation')),
  }
}

/** A format that names spans; null: there is none. */
export function compileOperation(
  format: string | undefined,
  context: CompileContext,
  path: ConfigPath,
): Formatter | null {
  return format === undefined || format === '' ? null : (compileTextFormat(format, context, path, '') ?? null)
}

export function compileDecorator(json: DecoratorJson | undefined): RouteDecorator | null {
  if (json === undefined) return null
  return { operation: toWireText(json.operation ?? ''), propagates: json.propagate ?? true }
}
