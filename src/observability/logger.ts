// Logs of the proxy itself, by component. A disabled call costs an array read: guard costly messages by `enabled`.
import { closeSync, openSync, writeSync } from 'node:fs'
import { threadId } from 'node:worker_threads'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Envoy's, in its order, so that every level it knows can be set; nothing here logs under some of them. */
export const LOG_COMPONENTS = [
  'a2a',
  'admin',
  'ai_protocol_manager',
  'alternate_protocols_cache',
  'aws',
  'assert',
  'backtrace',
  'basic_auth',
  'cache_filter',
  'client',
  'config',
  'connection',
  'conn_handler',
  'compression',
  'credential_injector',
  'decompression',
  'dns',
  'dubbo',
  'envoy_bug',
  'ext_authz',
  'ext_proc',
  'rocketmq',
  'file',
  'filter',
  'forward_proxy',
  'geolocation',
  'grpc',
  'happy_eyeballs',
  'hc',
  'health_checker',
  'http',
  'http2',
  'hystrix',
  'init',
  'io',
  'jwt',
  'json_rpc',
  'kafka',
  'key_value_store',
  'lua',
  'local_rate_limit',
  'main',
  'matcher',
  'mcp',
  'misc',
  'mongo',
  'multi_connection',
  'notification',
  'oauth2',
  'quic',
  'quic_stream',
  'pool',
  'rate_limit_quota',
  'rbac',
  'rds',
  'redis',
  'router',
  'runtime',
  'stats',
  'secret',
  'sse',
  'tap',
  'testing',
  'thrift',
  'tracing',
  'upstream',
  'udp',
  'wasm',
  'websocket',
  'golang',
  'stats_sinks',
  'dynamic_modules',
  'ip_tagging',
] as const
export type LogComponent = (typeof LOG_COMPONENTS)[number]

const rankOf = (level: LogLevel): number => LOG_LEVELS.indexOf(level)

interface LogSettings {
  /** One cell per component; shared, so that a change on main reaches the workers. */
  levels: Int32Array
  format: string
  json: boolean
  /** Line breaks in messages become \n. */
  escape: boolean
  path: string | null
  threadName: string
}

const settings: LogSettings = {
  levels: new Int32Array(new SharedArrayBuffer(LOG_COMPONENTS.length * 4)).fill(rankOf('info')),
  format: '[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v',
  json: false,
  escape: false,
  path: null,
  threadName: 'main',
}
let descriptor = 2
let failures = 0

export interface LogOptions {
  readonly level?: LogLevel
  readonly format?: string
  readonly json?: boolean
  readonly escape?: boolean
  readonly path?: string | null
  readonly threadName?: string
  /** The cells of another thread, so that both follow one setting. */
  readonly levels?: Int32Array
}

/** Sets this thread's logging up; throws when the log file cannot be opened. */
export function configureLogging(options: LogOptions): void {
  if (options.levels !== undefined) settings.levels = options.levels
  if (options.level !== undefined) settings.levels.fill(rankOf(options.level))
  if (options.format !== undefined) settings.format = options.format
  if (options.json !== undefined) settings.json = options.json
  if (options.escape !== undefined) settings.escape = options.escape
  if (options.threadName !== undefined) settings.threadName = options.threadName
  if (options.path !== undefined && options.path !== null) {
    settings.path = options.path
    descriptor = openSync(options.path, 'a')
  }
}

/** Opens the log file anew after it was moved away. */
export function reopenLog(): void {
  if (settings.path === null) return
  const old = descriptor
  descriptor = openSync(settings.path, 'a')
  if (old > 2) closeSync(old)
}

export const logLevels = (): Int32Array => settings.levels

/** Sets one component, or all; false: there is no such component. */
export function setLogLevel(level: LogLevel, component?: string): boolean {
  if (component === undefined) settings.levels.fill(rankOf(level))
  else {
    const index = (LOG_COMPONENTS as readonly string[]).indexOf(component)
    if (index < 0) return false
    settings.levels[index] = rankOf(level)
  }
  return true
}

export function currentLogLevels(): ReadonlyMap<string, LogLevel> {
  return new Map(LOG_COMPONENTS.map((name, index) => [name, LOG_LEVELS[settings.levels[index]!] as LogLevel]))
}

/** Lines that could not be written since start. */
export const logWriteFailures = (): number => failures

export class Logger {
  private readonly name: LogComponent
  private readonly index: number

  constructor(component: LogComponent) {
    this.name = component
    this.index = LOG_COMPONENTS.indexOf(component)
  }

  enabled(level: LogLevel): boolean {
    return settings.levels[this.index]! <= rankOf(level)
  }

  trace(message: string, fields?: object): void {
    this.write('trace', message, fields)
  }
  debug(message: string, fields?: object): void {
    this.write('debug', message, fields)
  }
  info(message: string, fields?: object): void {
    this.write('info', message, fields)
  }
  warn(message: string, fields?: object): void {
    this.write('warning', message, fields)
  }
  error(message: string, fields?: object): void {
    this.write('error', message, fields)
  }
  critical(message: string, fields?: object): void {
    this.write('critical', message, fields)
  }

  private write(level: LogLevel, message: string, fields: object | undefined): void {
    if (!this.enabled(level)) return
    const line = settings.json
      ? jsonLine(this.name, level, message, fields)
      : textLine(this.name, level, message, fields)
    try {
      writeSync(descriptor, line)
    } catch {
      // A full disk or a closed pipe must not stop traffic; the count says that lines are missing.
      failures++
    }
  }
}

function jsonLine(component: string, level: string, message: string, fields: object | undefined): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, component, thread: settings.threadName, message, ...fields })}\n`
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0')

/** The pattern flags of --log-format. */
function textLine(component: string, level: LogLevel, message: string, fields: object | undefined): string {
  const now = new Date()
  const extra = fields === undefined ? '' : ` ${JSON.stringify(fields)}`
  const text = settings.escape ? (message + extra).replaceAll('\n', '\\n') : message + extra
  const line = settings.format.replace(/%([A-Za-z#%_])/g, (whole, flag: string) => {
    switch (flag) {
      case 'Y':
        return String(now.getFullYear())
      case 'm':
        return pad(now.getMonth() + 1, 2)
      case 'd':
        return pad(now.getDate(), 2)
      case 'H':
        return pad(now.getHours(), 2)
      case 'M':
        return pad(now.getMinutes(), 2)
      case 'S':
        return pad(now.getSeconds(), 2)
      case 'T':
        return `${pad(now.getHours(), 2)}:${pad(now.getMinutes(), 2)}:${pad(now.getSeconds(), 2)}`
      case 'e':
        return pad(now.getMilliseconds(), 3)
      case 'f':
        return pad(now.getMilliseconds() * 1000, 6)
      case 't':
        return String(threadId)
      case 'P':
        return String(process.pid)
      case 'l':
        return level
      case 'L':
        return (level[0] as string).toUpperCase()
      case 'n':
        return component
      case 'g':
      case 's':
        return settings.threadName
      case '#':
        return '0'
      case 'v':
      case '_':
        return text
      case '%':
        return '%'
      default:
        return whole
    }
  })
  return `${line}\n`
}

const loggers = new Map<LogComponent, Logger>()

/** The logger of a component. */
export function log(component: LogComponent): Logger {
  let logger = loggers.get(component)
  if (logger === undefined) {
    logger = new Logger(component)
    loggers.set(component, logger)
  }
  return logger
}
