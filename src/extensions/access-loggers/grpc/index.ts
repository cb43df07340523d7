import type {
  CommonGrpcAccessLogConfigJson,
  HttpGrpcAccessLogConfigJson,
  TcpGrpcAccessLogConfigJson,
} from '#api/envoy/extensions/access_loggers/grpc/v3/als_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
  messageCodec,
} from '../../../config/index.ts'
import type { AccessLoggerPlan } from '../../../net/index.ts'
import { compileGrpcService, compileServiceRetryPolicy } from '../../../upstream/index.ts'
import { commonEntry } from './common-entry.ts'
import { CustomTags } from './custom-tags.ts'
import { httpEntry } from './http-entry.ts'
import { type StreamSettings, streamLogger } from './stream-logger.ts'

const API = 'envoy.extensions.access_loggers.grpc.v3'
const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs'
const BUFFER_BYTES = 16 * 1024
const FLUSH_INTERVAL_MS = 1000

declareSupport(`${API}.HttpGrpcAccessLogConfig`, {
  supported: [
    'common_config',
    'additional_request_headers_to_log',
    'additional_response_headers_to_log',
    'additional_response_trailers_to_log',
  ],
})
declareSupport(`${API}.TcpGrpcAccessLogConfig`, { supported: ['common_config'] })
declareSupport(`${API}.CommonGrpcAccessLogConfig`, {
  supported: [
    'log_name',
    'grpc_service',
    'buffer_flush_interval',
    'buffer_size_bytes',
    'grpc_stream_retry_policy',
    'custom_tags',
  ],
  refused: { filter_state_objects_to_log: 'the filter state is not sent in this release' },
  accepted: { transport_api_version: 'there is only v3' },
})

interface CommonPlan {
  readonly settings: StreamSettings
  readonly tags: CustomTags
}

function compileCommon(json: CommonGrpcAccessLogConfigJson, context: CompileContext, path: ConfigPath): CommonPlan {
  const service = compileGrpcService(json.grpcService ?? {}, METHOD, 0, context, path.field('grpc_service'))
  const { grpcStreamRetryPolicy: retry } = json
  const at = path.field('grpc_stream_retry_policy')
  const retryPolicy =
    retry === undefined
      ? undefined
      : { ...compileServiceRetryPolicy(retry, 'connect-failure', context, at), perTryTimeoutMs: 0 }
  return {
    settings: {
      key: JSON.stringify(json),
      logName: json.logName ?? '',
      // A stream of logs stays open for as long as it may.
      service: retryPolicy === undefined ? service : { ...service, retryPolicy },
      bufferBytes: json.bufferSizeBytes ?? BUFFER_BYTES,
      flushIntervalMs: durationMs(json.bufferFlushInterval, FLUSH_INTERVAL_MS),
    },
    tags: new CustomTags(json.customTags ?? [], context, path.field('custom_tags')),
  }
}

const lowerCase = (names: readonly string[] | undefined): readonly string[] => (names ?? []).map(n => n.toLowerCase())

/** envoy.access_loggers.http_grpc */
export const httpGrpcAccessLoggerFactory: ExtensionFactory<AccessLoggerPlan> = {
  name: 'envoy.access_loggers.http_grpc',
  category: 'envoy.access_loggers',
  typeNames: [`${API}.HttpGrpcAccessLogConfig`],
  compile: (config, context, path) => {
    const json = config as HttpGrpcAccessLogConfigJson
    const { settings, tags } = compileCommon(json.commonConfig ?? {}, context, path.field('common_config'))
    const headers = {
      request: lowerCase(json.additionalRequestHeadersToLog),
      response: lowerCase(json.additionalResponseHeadersToLog),
      trailers: lowerCase(json.additionalResponseTrailersToLog),
    }
    return {
      open: thread => {
        const logger = streamLogger(thread, settings, true)
        const codec = messageCodec('envoy.data.accesslog.v3.HTTPAccessLogEntry')
        return { log: entry => logger.log(codec.encode(httpEntry(entry, headers, tags))) }
      },
    }
  },
}

/** envoy.access_loggers.tcp_grpc */
export const tcpGrpcAccessLoggerFactory: ExtensionFactory<AccessLoggerPlan> = {
  name: 'envoy.access_loggers.tcp_grpc',
  category: 'envoy.access_loggers',
  typeNames: [`${API}.TcpGrpcAccessLogConfig`],
  compile: (config, context, path) => {
    const { commonConfig } = config as TcpGrpcAccessLogConfigJson
    const { settings, tags } = compileCommon(commonConfig ?? {}, context, path.field('common_config'))
    return {
      open: thread => {
        const logger = streamLogger(thread, settings, false)
        const codec = messageCodec('envoy.data.accesslog.v3.TCPAccessLogEntry')
        return {
          log: entry => {
            const { bytesReceived, bytesSent } = entry.info
            const connectionProperties = { receivedBytes: BigInt(bytesReceived), sentBytes: BigInt(bytesSent) }
            logger.log(codec.encode({ commonProperties: commonEntry(entry, tags), connectionProperties }))
          },
        }
      },
    }
  },
}
