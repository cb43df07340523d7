import type { FileAccessLogJson } from '#api/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import {
  type AccessLoggerPlan,
  celSettings,
  compileSubstitutionFormat,
  compileTextFormat,
  openLogFile,
  type ThreadContext,
  whyNotWritable,
} from '../../../net/index.ts'
import {
  compileFormat,
  compileJsonFormat,
  DEFAULT_ACCESS_LOG_FORMAT,
  type Formatter,
  type JsonFormat,
  log,
} from '../../../observability/index.ts'

declareSupport('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
  supported: ['path', 'format', 'json_format', 'typed_json_format', 'log_format'],
})

/** envoy.access_loggers.file: one line per entry, appended to a file. */
export const fileAccessLoggerFactory: ExtensionFactory<AccessLoggerPlan> = {
  name: 'envoy.access_loggers.file',
  category: 'envoy.access_loggers',
  typeNames: ['envoy.extensions.access_loggers.file.v3.FileAccessLog'],
  compile: (config, context, path) => {
    const json = config as FileAccessLogJson
    const formatter = compileFormatter(json, context, path)
    const file = json.path ?? ''
    const problem = whyNotWritable(file)
    if (problem !== null)
      context.diagnostics.error(path.field('path'), `cannot write ${file}: ${problem}`, { code: 'unwritable' })
    return { open: thread => openLogger(file, formatter, thread) }
  },
}

function compileFormatter(json: FileAccessLogJson, context: CompileContext, path: ConfigPath): Formatter {
  const fallback = compileFormat(DEFAULT_ACCESS_LOG_FORMAT) as Formatter
  if (json.logFormat !== undefined)
    return compileSubstitutionFormat(json.logFormat, context, path.field('log_format')) ?? fallback
  if (json.format !== undefined && json.format !== '')
    return compileTextFormat(json.format, context, path.field('format')) ?? fallback
  const object = json.typedJsonFormat ?? json.jsonFormat
  if (object === undefined) return fallback
  const compiled = compileJsonFormat(
    object as { readonly [key: string]: JsonFormat },
    false,
    celSettings(undefined, context),
  )
  if (!('error' in compiled)) return compiled
  context.diagnostics.error(path.field('json_format'), compiled.error)
  return fallback
}

function openLogger(path: string, formatter: Formatter, thread: ThreadContext): ReturnType<AccessLoggerPlan['open']> {
  try {
    const file = openLogFile(thread, path)
    return { log: context => file.append(formatter.format(context)) }
  } catch (error) {
    // It was writable when the configuration was checked. Traffic goes on without this log.
    const failed = thread.stats.counter('filesystem.write_failed')
    log('misc').error(`cannot open access log ${path}`, { error: String(error) })
    return {
      log: () => {
        failed.cells[failed.slot]! += 1
      },
    }
  }
}
