import type { AccessLogJson } from '#api/envoy/config/accesslog/v3/accesslog_pb.ts'
import type { CompileContext, ConfigPath } from '../config/index.ts'
import type { FormatContext } from '../observability/index.ts'
import { type AccessLogFilter, compileAccessLogFilter } from './access-log-filter.ts'
import type { ThreadContext } from './thread.ts'

/** Where the lines of one configured access log go, on one thread. */
export interface AccessLogger {
  log(context: FormatContext): void
}

/** What an access logger's configuration compiles to (category 'envoy.access_loggers'); undefined after a diagnostic. */
export interface AccessLoggerPlan {
  open(thread: ThreadContext): AccessLogger
}

/** One entry of an `access_log` list. */
export interface AccessLogPlan {
  readonly filter: AccessLogFilter | null
  readonly logger: AccessLoggerPlan
}

/** Compiles an `access_log` list; `path` is that of the list. Entries in error are left out. */
export function compileAccessLogs(
  resources: readonly AccessLogJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly AccessLogPlan[] {
  const plans: AccessLogPlan[] = []
  resources?.forEach((resource, i) => {
    const at = path.index(i)
    const filter =
      resource.filter === undefined ? null : compileAccessLogFilter(resource.filter, context, at.field('filter'))
    const factory = context.extensions.find('envoy.access_loggers', resource, context, at)
    if (factory === undefined) return
    const logger = factory.compile(resource.typedConfig!, context, at.field('typed_config')) as
      | AccessLoggerPlan
      | undefined
    if (logger !== undefined) plans.push({ filter, logger })
  })
  return plans
}

const NO_LOGS: readonly AccessLog[] = []

/** One access log of one thread, its filter in front. */
export class AccessLog {
  private readonly filter: AccessLogFilter | null
  private readonly logger: AccessLogger
  private readonly thread: ThreadContext

  constructor(plan: AccessLogPlan, thread: ThreadContext) {
    this.filter = plan.filter
    this.logger = plan.logger.open(thread)
    this.thread = thread
  }

  log(context: FormatContext): void {
    if (this.filter === null || this.filter.matches(context, this.thread)) this.logger.log(context)
  }
}

/** Opens compiled access logs on a thread; done once per plan and thread, not per request. */
export function openAccessLogs(plans: readonly AccessLogPlan[], thread: ThreadContext): readonly AccessLog[] {
  return plans.length === 0 ? NO_LOGS : plans.map(plan => new AccessLog(plan, thread))
}

/** Writes one entry to every log of a list. */
export function writeAccessLogs(logs: readonly AccessLog[], context: FormatContext): void {
  for (let i = 0; i < logs.length; i++) logs[i]!.log(context)
}
