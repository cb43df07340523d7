import { writeSync } from 'node:fs'
import type { StdoutAccessLogJson } from '#api/envoy/extensions/access_loggers/stream/v3/stream_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type AccessLoggerPlan, compileSubstitutionFormat } from '../../../net/index.ts'
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
      const configured = logFormat === undefined ? undefined : compileSubstitutionFormat(logFormat, context, path.field('log_format'))
      const formatter = configured ?? (compileFormat(DEFAULT_ACCESS_LOG_FORMAT) as Formatter)
      return {
        open: thread => {
          const failed = thread.stats.counter('filesystem.write_failed')
          return {
            log: entry => {
              try {
                writeSync(descriptor, formatter.format(entry), null, 'latin1')
              } catch {
                // A closed or full pipe loses the line, never the traffic; the count says so.
                failed.cells[failed.slot]! += 1
              }
            },
          }
        },
      }
    },
  }
}

/** envoy.access_loggers.stdout. */
export const stdoutAccessLogFactory = streamFactory(
  'envoy.access_loggers.stdout',
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
  1,
)

/** envoy.access_loggers.stderr. */
export const stderrAccessLogFactory = streamFactory(
  'envoy.access_loggers.stderr',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog',
  2,
)
