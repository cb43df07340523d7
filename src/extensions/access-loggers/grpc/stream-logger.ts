// One stream of a thread to an access log service, shared by all logs with the same settings.
import { messageCodec } from '../../../config/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import {
  EntryBuffer,
  type GrpcCallOptions,
  GrpcStream,
  type GrpcStreamCallbacks,
  LOG_EXPORT_STATS,
  type LogExporter,
  messageFields,
  type UpstreamThread,
} from '../../../upstream/index.ts'

const STAT_PREFIX = 'access_logs.grpc_access_log.'
/** Fields of StreamAccessLogsMessage, and of the entries in it. */
const HTTP_LOGS = 2
const TCP_LOGS = 3
const LOG_ENTRY = 1

export interface StreamSettings {
  /** The same for the same settings. */
  readonly key: string
  readonly logName: string
  readonly service: GrpcCallOptions
  readonly bufferBytes: number
  readonly flushIntervalMs: number
}

export class StreamLogger implements LogExporter, GrpcStreamCallbacks {
  private readonly thread: UpstreamThread
  private readonly settings: StreamSettings
  private readonly field: number
  private readonly buffer: EntryBuffer
  private stream: GrpcStream | null = null
  /** The service takes no more for now. */
  private full = false

  constructor(thread: UpstreamThread, settings: StreamSettings, isHttp: boolean) {
    this.thread = thread
    this.settings = settings
    this.field = isHttp ? HTTP_LOGS : TCP_LOGS
    const stats = thread.stats.block(STAT_PREFIX, LOG_EXPORT_STATS)
    this.buffer = new EntryBuffer(thread, stats, this, settings.bufferBytes, settings.flushIntervalMs)
  }

  log(entry: Uint8Array): void {
    this.buffer.add(entry)
  }

  export(entries: readonly Uint8Array[]): boolean {
    const parts: Uint8Array[] = []
    if (this.stream === null) {
      this.full = false
      const stream = GrpcStream.open(this.thread.asyncClient, this.settings.service, this)
      if (stream.closed) return false
      this.stream = stream
      parts.push(this.identifier())
    }
    if (this.full) return false
    parts.push(messageFields(this.field, [messageFields(LOG_ENTRY, entries)]))
    this.stream.send(Buffer.concat(parts))
    return true
  }

  private identifier(): Uint8Array {
    const { id = '', cluster = '', metadata, locality } = this.thread.node
    return messageCodec('envoy.service.accesslog.v3.StreamAccessLogsMessage').encode({
      identifier: { node: { id, cluster, metadata, locality }, logName: this.settings.logName },
    })
  }

  /** The service answers once, at the end; what it says does not matter. */
  onGrpcMessage(): void {}

  onGrpcClose(): void {
    this.stream = null
  }

  onGrpcAboveWriteBufferHighWatermark(): void {
    this.full = true
  }

  onGrpcBelowWriteBufferLowWatermark(): void {
    this.full = false
  }
}

const loggersOfThread = new WeakMap<ThreadContext, Map<string, StreamLogger>>()

export function streamLogger(thread: ThreadContext, settings: StreamSettings, isHttp: boolean): StreamLogger {
  let loggers = loggersOfThread.get(thread)
  if (loggers === undefined) {
    loggers = new Map()
    loggersOfThread.set(thread, loggers)
  }
  const key = `${isHttp} ${settings.key}`
  let logger = loggers.get(key)
  if (logger === undefined) {
    logger = new StreamLogger(thread as UpstreamThread, settings, isHttp)
    loggers.set(key, logger)
  }
  return logger
}
