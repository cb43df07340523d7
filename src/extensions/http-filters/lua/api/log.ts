// logTrace to logCritical of every object, and what becomes of errors and print().
import { Logger } from '../../../../observability/index.ts'
import type { HostFunction } from '../vm/host-table.ts'
import { textArgument } from './objects.ts'

const log = new Logger('lua')

type ScriptLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'critical'

/** `message` is latin1 of UTF-8. */
export function scriptLog(level: ScriptLevel, message: string): void {
  if (log.enabled(level === 'warn' ? 'warning' : level))
    log[level](`script log: ${Buffer.from(message, 'latin1').toString('utf8')}`)
}

const logs =
  (level: ScriptLevel): HostFunction =>
  (machine, state) => {
    scriptLog(level, textArgument(machine, state, 2))
    return 0
  }

export const LOG_FUNCTIONS: Readonly<Record<string, HostFunction>> = {
  logTrace: logs('trace'),
  logDebug: logs('debug'),
  logInfo: logs('info'),
  logWarn: logs('warn'),
  logErr: logs('error'),
  logCritical: logs('critical'),
  print: (machine, state) => {
    scriptLog('info', textArgument(machine, state, 1))
    return 0
  },
}
