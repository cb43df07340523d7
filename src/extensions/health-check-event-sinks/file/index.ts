import type { HealthCheckEventFileSinkJson } from '#api/envoy/extensions/health_check/event_sinks/file/v3/file_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { openLogFile, type ThreadContext, whyNotWritable } from '../../../net/index.ts'
import { log } from '../../../observability/index.ts'
import type { HealthCheckEventSink, HealthCheckEventSinkPlan } from '../../../upstream/index.ts'

const TYPE = 'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink'

declareSupport(TYPE, { supported: ['event_log_path'] })

/** envoy.health_check.event_sinks.file: one line of JSON per event, appended to a file. */
export const fileEventSinkFactory: ExtensionFactory<HealthCheckEventSinkPlan> = {
  name: 'envoy.health_check.event_sinks.file',
  category: 'envoy.health_check.event_sinks',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const file = (config as HealthCheckEventFileSinkJson).eventLogPath ?? ''
    const problem = whyNotWritable(file)
    if (problem !== null) {
      context.diagnostics.error(path.field('event_log_path'), `cannot write ${file}: ${problem}`, {
        code: 'unwritable',
      })
    }
    return { open: thread => openSink(thread, file) }
  },
}

function openSink(thread: ThreadContext, path: string): HealthCheckEventSink {
  try {
    const file = openLogFile(thread, path)
    return { write: line => file.append(Buffer.from(line).toString('latin1')) }
  } catch (error) {
    // It was writable when the configuration was checked. Checks go on without their log.
    const failed = thread.stats.counter('filesystem.write_failed')
    log('hc').error(`cannot open the event log ${path}`, { error: String(error) })
    return {
      write: () => {
        failed.cells[failed.slot]! += 1
      },
    }
  }
}
