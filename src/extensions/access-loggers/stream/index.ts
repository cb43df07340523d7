import type { StdoutAccessLogJson } from '#api/envoy/extensions/access_loggers/stream/v3/stream_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type AccessLoggerPlan, compileSubstitutionFormat, openLogFile } from '../../../net/index.ts'
import { compileFormat, DEFAULT_ACCESS_LOG_FORMAT, type Formatter } from '../../../observability/index.ts'

declareSupport('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', { supported: ['log_format'] })
declareSupport('envoy.extensions.access_loggers.stream.v3.StderrAccessLog', { supported: ['log_format'] })

function streamFactory(name: string, typeName: string, descriptor: 1 | 2): ExtensionFactory<AccessLoggerPlan> {
  return {
    name,
    category: 'envoy.access_loggers',
    typeNames: [typeName],
    compile: (config, context, path) => {
      const { logFormat } = config as StdoutAccessLogJson
      const configured =
        logFormat === undefined ? undefined : compileSubstitutionFormat(logFormat, context, path.field('log_format'))
      const formatter = configured ?? (compileFormat(DEFAULT_ACCESS_LOG_FORMAT) as Formatter)
      return {
        open: thread => {
          const file = openLogFile(thread, descriptor)
          return { log: entry => file.append(formatter.format(entry)) }
        },
      }
    },
  }
}

/** envoy.access_loggers.stdout. */
export const stdoutAccessLoggerFactory = streamFactory(
  'envoy.access_loggers.stdout',
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
  1,
)

/** envoy.access_loggers.stderr. */
export const stderrAccessLoggerFactory = streamFactory(
  'envoy.access_loggers.stderr',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog',
  2,
)
