import { configureLogging, type LogLevel, type LogOptions, setLogLevel } from '../observability/index.ts'
import type { LoggingOptions } from './options.ts'

/** What all threads agree on; levels travel apart, in shared memory. */
export function loggingSettings(options: LoggingOptions): LogOptions {
  const { path, format, json } = options
  return { path, json, escape: options.escape, ...(format === null ? {} : { format }) }
}

/** Sets up the main thread's log. Returns the component names of --component-log-level that do not exist. */
export function configureMainLogging(options: LoggingOptions): readonly string[] {
  configureLogging({ ...loggingSettings(options), level: options.level as LogLevel, threadName: 'main' })
  return [...options.componentLevels].flatMap(([component, level]) =>
    setLogLevel(level as LogLevel, component) ? [] : [component],
  )
}
