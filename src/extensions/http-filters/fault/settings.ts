// HTTPFault, compiled: what happens to which requests.
import type { HTTPFaultJson } from '#api/envoy/extensions/filters/http/fault/v3/fault_pb.ts'
import type { FractionalPercentJson } from '#api/envoy/type/v3/percent_pb.ts'
import { toWireText } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  durationMs,
  type FractionOf,
  fractionalPercent,
  int64,
} from '../../../config/index.ts'
import { compileHeaderMatchers, type HeaderMap, HeaderName, type HeaderPredicate } from '../../../http/index.ts'

const INTEGER = /^[+-]?\d{1,18}$/

/** A whole number in a header; NaN: none. */
export function headerNumber(headers: HeaderMap, name: HeaderName): number {
  const text = headers.get(name)
  return text !== undefined && INTEGER.test(text) ? Number(text) : Number.NaN
}

/** How often, as configured; where headers steer, they may lower it. */
export class FaultShare {
  private readonly fraction: FractionOf
  private readonly header: HeaderName | null

  constructor(percentage: FractionalPercentJson | undefined, header: HeaderName | null) {
    this.fraction = fractionalPercent(percentage)
    this.header = header
  }

  of(headers: HeaderMap): FractionOf {
    const { fraction, header } = this
    const asked = header === null ? Number.NaN : headerNumber(headers, header)
    if (Number.isNaN(asked) || asked < 0 || asked >= fraction.numerator) return fraction
    return { numerator: asked, denominator: fraction.denominator }
  }
}

export interface DelaySettings {
  readonly share: FaultShare
  /** -1: headers say it. */
  readonly fixedMs: number
}

export interface AbortSettings {
  readonly share: FaultShare
  readonly byHeaders: boolean
  /** 0: none. */
  readonly httpStatus: number
  /** -1: none. */
  readonly grpcStatus: number
  /** latin1. */
  readonly body: string
}

export interface RateLimitSettings {
  readonly share: FaultShare
  /** KiB per second; -1: headers say it. */
  readonly fixedKbps: number
}

/** Runtime keys that stand for the configured values. */
export interface FaultRuntimeKeys {
  readonly delayPercent: string
  readonly abortPercent: string
  readonly delayMs: string
  readonly httpStatus: string
  readonly grpcStatus: string
  readonly maxActive: string
  readonly rateLimitPercent: string
}

export interface FaultSettings {
  readonly delay: DelaySettings | null
  readonly abort: AbortSettings | null
  readonly rateLimit: RateLimitSettings | null
  /** '' for all. */
  readonly upstreamCluster: string
  readonly headers: readonly HeaderPredicate[]
  /** Null: all. */
  readonly downstreamNodes: ReadonlySet<string> | null
  readonly maxActiveFaults: number
  readonly countsDownstreamClusters: boolean
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly keys: FaultRuntimeKeys
}

const ABORT_PERCENTAGE = HeaderName.of('x-envoy-fault-abort-request-percentage')
const DELAY_PERCENTAGE = HeaderName.of('x-envoy-fault-delay-request-percentage')
const THROUGHPUT_PERCENTAGE = HeaderName.of('x-envoy-fault-throughput-response-percentage')

const orDefault = (key: string | undefined, otherwise: string): string =>
  key === undefined || key === '' ? otherwise : key

export function compileFault(json: HTTPFaultJson, context: CompileContext, path: ConfigPath): FaultSettings {
  const nodes = json.downstreamNodes ?? []
  return Object.freeze({
    delay: compileDelay(json.delay),
    abort: compileAbort(json.abort),
    rateLimit: compileRateLimit(json.responseRateLimit),
    upstreamCluster: json.upstreamCluster ?? '',
    headers: compileHeaderMatchers(json.headers, context, path.field('headers')),
    downstreamNodes: nodes.length === 0 ? null : new Set(nodes.map(toWireText)),
    maxActiveFaults: json.maxActiveFaults ?? Number.POSITIVE_INFINITY,
    countsDownstreamClusters: json.disableDownstreamClusterStats !== true,
    metadata: (json.filterMetadata as Record<string, unknown> | undefined) ?? null,
    keys: {
      delayPercent: orDefault(json.delayPercentRuntime, 'fault.http.delay.fixed_delay_percent'),
      abortPercent: orDefault(json.abortPercentRuntime, 'fault.http.abort.abort_percent'),
      delayMs: orDefault(json.delayDurationRuntime, 'fault.http.delay.fixed_duration_ms'),
      httpStatus: orDefault(json.abortHttpStatusRuntime, 'fault.http.abort.http_status'),
      grpcStatus: orDefault(json.abortGrpcStatusRuntime, 'fault.http.abort.grpc_status'),
      maxActive: orDefault(json.maxActiveFaultsRuntime, 'fault.http.max_active_faults'),
      rateLimitPercent: orDefault(json.responseRateLimitPercentRuntime, 'fault.http.rate_limit.response_percent'),
    },
  })
}

function compileDelay(json: HTTPFaultJson['delay']): DelaySettings | null {
  if (json === undefined) return null
  const byHeaders = json.headerDelay !== undefined
  return {
    share: new FaultShare(json.percentage, byHeaders ? DELAY_PERCENTAGE : null),
    fixedMs: byHeaders ? -1 : durationMs(json.fixedDelay, 0),
  }
}

function compileAbort(json: HTTPFaultJson['abort']): AbortSettings | null {
  if (json === undefined) return null
  const byHeaders = json.headerAbort !== undefined
  return {
    share: new FaultShare(json.percentage, byHeaders ? ABORT_PERCENTAGE : null),
    byHeaders,
    httpStatus: json.httpStatus ?? 0,
    grpcStatus: json.grpcStatus ?? -1,
    body: json.responseBody === undefined || json.responseBody === '' ? '' : toWireText(json.responseBody),
  }
}

function compileRateLimit(json: HTTPFaultJson['responseRateLimit']): RateLimitSettings | null {
  if (json === undefined) return null
  const byHeaders = json.headerLimit !== undefined
  return {
    share: new FaultShare(json.percentage, byHeaders ? THROUGHPUT_PERCENTAGE : null),
    fixedKbps: byHeaders ? -1 : int64(json.fixedLimit?.limitKbps ?? 0),
  }
}
