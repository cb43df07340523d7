// Batches of log records on their way to an OTLP collector.
import type { ThreadContext } from '../../../net/index.ts'
import {
  EntryBuffer,
  GrpcCall,
  type GrpcCallOptions,
  LOG_EXPORT_STATS,
  type LogExporter,
  messageFields,
  type UpstreamThread,
} from '../../../upstream/index.ts'

const STAT_PREFIX = 'access_logs.open_telemetry_access_log.'
/** ExportLogsServiceRequest.resource_logs, ResourceLogs.scope_logs, ScopeLogs.log_records. */
const RESOURCE_LOGS = 1
const SCOPE_LOGS = 2
const LOG_RECORDS = 2
/** A collector that does not answer shall not be given ever more. */
const MAX_CALLS = 4

export interface CollectorSettings {
  readonly service: GrpcCallOptions
  readonly statPrefix: string
  readonly bufferBytes: number
  readonly flushIntervalMs: number
}

export class Collector implements LogExporter {
  private readonly thread: UpstreamThread
  private readonly service: GrpcCallOptions
  /** ResourceLogs.resource, encoded with its field. */
  private readonly resource: Uint8Array
  private readonly buffer: EntryBuffer
  private calls = 0

  constructor(thread: ThreadContext, settings: CollectorSettings, resource: Uint8Array) {
    this.thread = thread as UpstreamThread
    this.service = settings.service
    this.resource = resource
    const stats = thread.stats.block(`${STAT_PREFIX}${settings.statPrefix}`, LOG_EXPORT_STATS)
    this.buffer = new EntryBuffer(thread, stats, this, settings.bufferBytes, settings.flushIntervalMs)
  }

  log(record: Uint8Array): void {
    this.buffer.add(record)
  }

  export(records: readonly Uint8Array[]): boolean {
    if (this.calls >= MAX_CALLS) return false
    const scope = messageFields(SCOPE_LOGS, [messageFields(LOG_RECORDS, records)])
    const request = messageFields(RESOURCE_LOGS, [Buffer.concat([this.resource, scope])])
    this.calls++
    GrpcCall.start(this.thread.asyncClient, this.service, request, {
      onGrpcSuccess: () => this.onCallEnd(),
      onGrpcFailure: () => this.onCallEnd(),
    })
    return true
  }

  private onCallEnd(): void {
    this.calls--
  }
}
