import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { OpenTelemetryAccessLogConfigJson } from '#api/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
  messageCodec,
} from '../../../config/index.ts'
import { type AccessLoggerPlan, withFormatters } from '../../../net/index.ts'
import type { FormatContext } from '../../../observability/index.ts'
import { compileGrpcService, messageFields } from '../../../upstream/index.ts'
import { compileAnyValue, compileKeyValues, constantPairs, type KeyValueMessage, stringValue } from './any-value.ts'
import { Collector, type CollectorSettings } from './collector.ts'

const TYPE = 'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig'
const COMMON = 'opentelemetry.proto.common.v1'
const METHOD = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
const BUFFER_BYTES = 16 * 1024
const FLUSH_INTERVAL_MS = 1000
/** ResourceLogs.resource. */
const RESOURCE = 1

const NOT_BUILT_IN = 'extensions of this logger are not part of this release: the built-in operators work'

declareSupport(TYPE, {
  supported: [
    'common_config',
    'disable_builtin_labels',
    'resource_attributes',
    'body',
    'attributes',
    'stat_prefix',
    'grpc_service',
    'log_name',
    'buffer_flush_interval',
    'buffer_size_bytes',
    'formatters',
  ],
  refused: {
    resource_detectors: NOT_BUILT_IN,
    http_service: 'records are sent by gRPC: use grpc_service',
    filter_state_objects_to_log: 'the filter state is not sent in this release',
    custom_tags: 'use attributes',
  },
})
declareSupport(`${COMMON}.AnyValue`, {
  supported: ['string_value', 'bool_value', 'int_value', 'double_value', 'array_value', 'kvlist_value', 'bytes_value'],
})
declareSupport(`${COMMON}.ArrayValue`, { supported: ['values'] })
declareSupport(`${COMMON}.KeyValueList`, { supported: ['values'] })
declareSupport(`${COMMON}.KeyValue`, { supported: ['key', 'value'] })

/** The span of the request, so that its record is found from there. */
function traceOf({ info }: FormatContext): object {
  const span = info.trace?.span ?? null
  if (span === null) return {}
  // Of 16 bytes, whatever the tracer has.
  const traceId = span.traceId === '' ? '' : span.traceId.padStart(32, '0')
  return { traceId: Buffer.from(traceId, 'hex'), spanId: Buffer.from(span.spanId, 'hex') }
}

interface RecordPlan {
  readonly body: ((entry: FormatContext) => object) | null
  readonly attributes: (entry: FormatContext) => readonly KeyValueMessage[]
}

/** envoy.access_loggers.open_telemetry */
export const openTelemetryAccessLoggerFactory: ExtensionFactory<AccessLoggerPlan> = {
  name: 'envoy.access_loggers.open_telemetry',
  category: 'envoy.access_loggers',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const json = config as OpenTelemetryAccessLogConfigJson
    const settings = compileSettings(json, context, path)
    const { body, attributes } = compileRecord(json, context, path)
    const constants = constantPairs(json.resourceAttributes ?? {})
    const logName = json.logName ?? json.commonConfig?.logName ?? ''
    const labels = json.disableBuiltinLabels !== true
    return {
      open: thread => {
        const own = labels ? builtInLabels(logName, thread.node) : []
        const collector = new Collector(thread, settings, encodeResource([...own, ...constants]))
        const codec = messageCodec('opentelemetry.proto.logs.v1.LogRecord')
        return {
          log: entry => {
            const timeUnixNano = BigInt(Math.round(entry.info.startWallMs * 1000)) * 1000n
            collector.log(
              codec.encode({ timeUnixNano, body: body?.(entry), attributes: attributes(entry), ...traceOf(entry) }),
            )
          },
        }
      },
    }
  },
}

function compileSettings(
  json: OpenTelemetryAccessLogConfigJson,
  context: CompileContext,
  path: ConfigPath,
): CollectorSettings {
  const common = json.commonConfig
  const [service, at] =
    json.grpcService === undefined
      ? [common?.grpcService, path.field('common_config').field('grpc_service')]
      : [json.grpcService, path.field('grpc_service')]
  if (service === undefined) {
    context.diagnostics.error(path, 'there is no collector', { expected: 'grpc_service' })
  }
  const prefix = json.statPrefix ?? ''
  return {
    service: compileGrpcService(service ?? {}, METHOD, 0, context, at),
    statPrefix: prefix === '' ? '' : `${prefix}.`,
    bufferBytes: json.bufferSizeBytes ?? common?.bufferSizeBytes ?? BUFFER_BYTES,
    flushIntervalMs: durationMs(json.bufferFlushInterval ?? common?.bufferFlushInterval, FLUSH_INTERVAL_MS),
  }
}

function compileRecord(json: OpenTelemetryAccessLogConfigJson, outside: CompileContext, path: ConfigPath): RecordPlan {
  const context = withFormatters(json.formatters, outside, path.field('formatters'))
  return {
    body: json.body === undefined ? null : compileAnyValue(json.body, context, path.field('body')),
    attributes: compileKeyValues(json.attributes ?? {}, context, path.field('attributes')),
  }
}

function builtInLabels(logName: string, node: NodeJson): readonly KeyValueMessage[] {
  return [
    ['log_name', logName],
    ['zone_name', node.locality?.zone ?? ''],
    ['cluster_name', node.cluster ?? ''],
    ['node_name', node.id ?? ''],
  ].map(([key = '', value = '']) => ({ key, value: stringValue(value) }))
}

function encodeResource(attributes: readonly KeyValueMessage[]): Uint8Array {
  const resource = messageCodec('opentelemetry.proto.resource.v1.Resource').encode({ attributes })
  return messageFields(RESOURCE, [resource])
}
