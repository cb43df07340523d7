import type {
  AccessLogFilterJson,
  ComparisonFilterJson,
  ExtensionFilterJson,
  GrpcStatusFilterJson,
  MetadataFilterJson,
  RuntimeFilterJson,
} from '#api/envoy/config/accesslog/v3/accesslog_pb.ts'
import type { ExpressionFilterJson } from '#api/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileMetadataMatcher,
  fractionalPercent,
  typeName,
} from '../config/index.ts'
import { type FormatContext, responseFlagOf, ServiceForced } from '../observability/index.ts'
import './access-log-support.ts'
import { celSettings, compileCelExpression } from './cel/index.ts'
import { compileHeaderLookupMatcher } from './header-lookup-matcher.ts'
import type { ThreadContext } from './thread.ts'

/** Decides whether an access log entry is written, or a local reply rewritten. */
export interface AccessLogFilter {
  matches(context: FormatContext, thread: ThreadContext): boolean
}

type Matches = AccessLogFilter['matches']

/** Compiles envoy.config.accesslog.v3.AccessLogFilter. */
export function compileAccessLogFilter(
  json: AccessLogFilterJson,
  context: CompileContext,
  path: ConfigPath,
): AccessLogFilter {
  return { matches: compileMatches(json, context, path) }
}

function compileMatches(json: AccessLogFilterJson, context: CompileContext, path: ConfigPath): Matches {
  if (json.statusCodeFilter !== undefined) {
    const holds = compileComparison(json.statusCodeFilter.comparison)
    return ({ info }, thread) => holds(info.responseCode, thread)
  }
  if (json.durationFilter !== undefined) {
    const holds = compileComparison(json.durationFilter.comparison)
    return ({ info }, thread) => {
      const endUs = info.endUs >= 0 ? info.endUs : info.sinceStartUs(thread.clock.now)
      return holds(Math.floor(endUs / 1000), thread)
    }
  }
  if (json.notHealthCheckFilter !== undefined) return ({ info }) => !info.healthCheck
  // As Envoy: those alone that x-envoy-force-trace asked for.
  if (json.traceableFilter !== undefined) return ({ info }) => !info.healthCheck && info.trace?.reason === ServiceForced
  if (json.runtimeFilter !== undefined) return compileRuntime(json.runtimeFilter)
  if (json.andFilter !== undefined) {
    const all = compileList(json.andFilter.filters, context, path.field('and_filter').field('filters'))
    return (entry, thread) => all.every(matches => matches(entry, thread))
  }
  if (json.orFilter !== undefined) {
    const any = compileList(json.orFilter.filters, context, path.field('or_filter').field('filters'))
    return (entry, thread) => any.some(matches => matches(entry, thread))
  }
  if (json.headerFilter !== undefined) {
    const at = path.field('header_filter').field('header')
    const matches = compileHeaderLookupMatcher(json.headerFilter.header ?? {}, context, at)
    return ({ requestHeaders }) => matches(requestHeaders)
  }
  if (json.responseFlagFilter !== undefined) return compileResponseFlags(json.responseFlagFilter.flags ?? [])
  if (json.grpcStatusFilter !== undefined) return compileGrpcStatus(json.grpcStatusFilter)
  if (json.metadataFilter !== undefined) {
    return compileMetadata(json.metadataFilter, context, path.field('metadata_filter'))
  }
  if (json.logTypeFilter !== undefined) {
    const types: ReadonlySet<string> = new Set(json.logTypeFilter.types ?? [])
    const exclude = json.logTypeFilter.exclude ?? false
    return ({ accessLogType }) => types.has(accessLogType ?? 'NotSet') !== exclude
  }
  if (json.extensionFilter !== undefined) {
    return compileExtension(json.extensionFilter, context, path.field('extension_filter').field('typed_config'))
  }
  return () => true
}

const EXPRESSION = 'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter'

function compileExtension(json: ExtensionFilterJson, context: CompileContext, path: ConfigPath): Matches {
  const config = (json.typedConfig ?? {}) as ExpressionFilterJson & { '@type'?: string }
  if (typeName(config) !== EXPRESSION) {
    context.diagnostics.error(path, `no such filter: ${typeName(config)}`, {
      expected: EXPRESSION,
      code: 'unknown-extension',
    })
    return () => true
  }
  const settings = celSettings(config.celConfig, context)
  const expression = compileCelExpression(config.expression ?? '', settings, context, path.field('expression'))
  return entry => expression?.matches(entry) ?? true
}

function compileList(
  filters: readonly AccessLogFilterJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly Matches[] {
  return (filters ?? []).map((filter, i) => compileMatches(filter, context, path.index(i)))
}

function compileComparison(json: ComparisonFilterJson | undefined): (value: number, thread: ThreadContext) => boolean {
  const fallback = json?.value?.defaultValue ?? 0
  const key = json?.value?.runtimeKey ?? ''
  const bound = (thread: ThreadContext): number =>
    key === '' ? fallback : thread.runtime.snapshot.getNumber(key, fallback)
  switch (json?.op) {
    case 'GE':
      return (value, thread) => value >= bound(thread)
    case 'LE':
      return (value, thread) => value <= bound(thread)
    case 'NE':
      return (value, thread) => value !== bound(thread)
    default:
      return (value, thread) => value === bound(thread)
  }
}

/** Sampled by the request id, so that every proxy on the way picks the same requests. */
function compileRuntime(json: RuntimeFilterJson): Matches {
  const fraction = fractionalPercent(json.percentSampled)
  const key = json.runtimeKey ?? ''
  const independent = json.useIndependentRandomness ?? false
  return ({ requestHeaders }, thread) => {
    const id = independent ? undefined : requestHeaders?.lookup('x-request-id')
    const number = id === undefined ? Number.NaN : Number.parseInt(id.slice(0, 8), 16)
    if (Number.isNaN(number)) return thread.runtime.snapshot.featureEnabled(key, fraction, thread.random())
    const { numerator, denominator } = thread.runtime.snapshot.shareOf(key, fraction)
    return number % denominator < numerator
  }
}

function compileResponseFlags(flags: readonly string[]): Matches {
  if (flags.length === 0) return ({ info }) => info.flags !== 0
  let mask = 0
  for (const flag of flags) mask |= responseFlagOf(flag) ?? 0
  return ({ info }) => (info.flags & mask) !== 0
}

const GRPC_STATUS_NAMES = [
  'OK',
  'CANCELED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]
/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
const GRPC_STATUS_OF_HTTP: Readonly<Record<number, number>> = {
  200: 2,
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
}

function compileGrpcStatus(json: GrpcStatusFilterJson): Matches {
  const wanted: ReadonlySet<string> = new Set(json.statuses ?? [])
  const exclude = json.exclude ?? false
  return ({ info, responseHeaders, responseTrailers }) => {
    const said = responseTrailers?.lookup('grpc-status') ?? responseHeaders?.lookup('grpc-status')
    const number = said === undefined ? (GRPC_STATUS_OF_HTTP[info.responseCode] ?? 2) : Number(said)
    return wanted.has(GRPC_STATUS_NAMES[number] ?? 'UNKNOWN') !== exclude
  }
}

function compileMetadata(json: MetadataFilterJson, context: CompileContext, path: ConfigPath): Matches {
  const matcher = json.matcher
  if (matcher === undefined) return () => true
  const predicate = compileMetadataMatcher(matcher, context, path.field('matcher'))
  const matchIfMissing = json.matchIfKeyNotFound ?? true
  const namespace = matcher.filter ?? ''
  const keys = (matcher.path ?? []).map(segment => segment.key ?? '')
  return ({ info }) => {
    let value: unknown = info.dynamicMetadata?.get(namespace)
    for (const key of keys) {
      const known = typeof value === 'object' && value !== null && Object.hasOwn(value, key)
      value = known ? (value as Record<string, unknown>)[key] : undefined
    }
    return value === undefined ? matchIfMissing : predicate(info.dynamicMetadata)
  }
}
