// HOT FILE (docs/hot-path.md): how long a stream may take; its timers are armed and disarmed by a few pointer writes.
import { Timer, type TimerOwner } from '../base/index.ts'
import * as http from '../http/index.ts'
import { type HeaderMap, type Route, HttpStats as S } from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { ResponseFlag, type StreamInfo } from '../observability/index.ts'
import type { ConnectionManager } from './connection-manager.ts'

const IDLE_TIMER = 0
const REQUEST_TIMER = 1
const DURATION_TIMER = 2
const LOG_TIMER = 3
/** gRPC's status for a deadline that has passed. */
const DEADLINE_EXCEEDED = 4

/** The clockwork of a stream: stream_idle_timeout, request_timeout, max_stream_duration and grpc-timeout. */
export abstract class TimedStream implements TimerOwner {
  readonly manager: ConnectionManager
  readonly thread: ThreadContext
  abstract info: StreamInfo
  ended = false
  requestComplete = false
  /** The request's head has come to the terminal filter. */
  private headersThrough = false
  private idleTimer: Timer | null = null
  private requestTimer: Timer | null = null
  private durationTimer: Timer | null = null
  private logTimer: Timer | null = null
  private idleTimeoutMs: number
  private lastActivityMs: number
  /** grpc-timeout as it came, in ms; -1: none. */
  private clientDeadlineMs = -1
  private clientDeadlineRead = false

  constructor(manager: ConnectionManager) {
    this.manager = manager
    this.thread = manager.thread
    this.idleTimeoutMs = manager.plan.streamIdleTimeoutMs
    this.lastActivityMs = manager.thread.clock.now
  }

  abstract isGrpc(headers: HeaderMap | null): boolean
  /** Answers where nothing of a response is out yet, resets where it is. */
  abstract sendLocalReply(
    status: number,
    body: string,
    details: string,
    modify?: ((headers: HeaderMap) => void) | null,
    grpcStatus?: number,
  ): void

  protected abstract logPeriodically(): void

  protected startTimers(requestTimeoutMs: number, endStream: boolean): void {
    const { timers } = this.thread
    if (this.idleTimeoutMs > 0) this.setIdleTimeout(this.idleTimeoutMs)
    if (requestTimeoutMs > 0 && !endStream) this.startRequestTimeout(requestTimeoutMs)
    const { accessLogIntervalMs } = this.manager.plan
    if (accessLogIntervalMs > 0) {
      this.logTimer = new Timer(this, LOG_TIMER)
      timers.arm(this.logTimer, accessLogIntervalMs)
    }
    const duration = this.manager.plan.maxStreamDurationMs
    if (duration > 0) {
      this.durationTimer = new Timer(this, DURATION_TIMER)
      timers.arm(this.durationTimer, duration)
    }
  }

  /** max_stream_duration of the route, and with grpc_timeout_header_max the client's own deadline. */
  protected applyMaxDuration(route: Route, headers: HeaderMap): void {
    const ms = route.maxStreamDurationMs
    const max = route.grpcTimeoutHeaderMaxMs
    if (max >= 0) {
      const asked = this.clientDeadline(headers)
      // A deadline that is over already ends the stream at once; a duration of 0 in the configuration is none.
      if (asked >= 0) {
        const allowed = max > 0 && asked > max ? max : asked
        this.armDuration(Math.max(allowed - Math.max(route.grpcTimeoutHeaderOffsetMs, 0), 0), headers)
        return
      }
    }
    if (ms > 0) this.armDuration(ms, headers)
    else if (ms === 0 && this.durationTimer !== null) this.thread.timers.disarm(this.durationTimer)
  }

  /** Read once: the header is rewritten to what this proxy allows. */
  private clientDeadline(headers: HeaderMap): number {
    if (!this.clientDeadlineRead) {
      this.clientDeadlineRead = true
      const text = headers.has(http.GRPC_TIMEOUT) ? headers.get(http.GRPC_TIMEOUT) : undefined
      if (text !== undefined) this.clientDeadlineMs = http.parseGrpcTimeout(text)
    }
    return this.clientDeadlineMs
  }

  private armDuration(ms: number, headers: HeaderMap): void {
    this.durationTimer ??= new Timer(this, DURATION_TIMER)
    this.thread.timers.arm(this.durationTimer, ms)
    if (this.isGrpc(headers)) headers.set(http.GRPC_TIMEOUT, http.formatGrpcTimeout(ms))
  }

  protected setIdleTimeout(ms: number): void {
    this.idleTimeoutMs = ms
    if (ms === 0) {
      if (this.idleTimer !== null) this.thread.timers.disarm(this.idleTimer)
      return
    }
    this.idleTimer ??= new Timer(this, IDLE_TIMER)
    this.thread.timers.arm(this.idleTimer, ms)
  }

  protected touch(): void {
    this.lastActivityMs = this.thread.clock.now
  }

  private startRequestTimeout(ms: number): void {
    this.requestTimer = new Timer(this, REQUEST_TIMER)
    this.thread.timers.arm(this.requestTimer, ms)
  }

  /** As Envoy: a filter that takes its time over a request without a body counts as a request that does. */
  protected timeHeldRequest(ms: number): void {
    if (!this.headersThrough && !this.ended) this.startRequestTimeout(ms)
  }

  onHeadersThrough(): void {
    this.headersThrough = true
    if (this.requestComplete) this.endRequestTimeout()
  }

  protected completeRequest(): void {
    this.requestComplete = true
    this.endRequestTimeout()
  }

  /** The request has passed all filters, or its response has begun: request_timeout has nothing more to say. */
  protected endRequestTimeout(): void {
    if (this.requestTimer !== null) this.thread.timers.disarm(this.requestTimer)
  }

  protected endTimers(): void {
    const { timers } = this.thread
    if (this.idleTimer !== null) timers.disarm(this.idleTimer)
    if (this.requestTimer !== null) timers.disarm(this.requestTimer)
    if (this.durationTimer !== null) timers.disarm(this.durationTimer)
    if (this.logTimer !== null) timers.disarm(this.logTimer)
  }

  onTimer(kind: number): void {
    if (this.ended) return
    const { cells } = this.manager
    if (kind === IDLE_TIMER) {
      const quietMs = this.thread.clock.now - this.lastActivityMs
      if (quietMs < this.idleTimeoutMs) {
        this.thread.timers.arm(this.idleTimer as Timer, this.idleTimeoutMs - quietMs)
        return
      }
      cells[S.RQ_IDLE_TIMEOUT]! += 1
      this.info.flags |= ResponseFlag.StreamIdleTimeout
      this.sendLocalReply(this.requestComplete ? 504 : 408, 'stream timeout', 'stream_idle_timeout')
    } else if (kind === LOG_TIMER) {
      this.thread.timers.arm(this.logTimer as Timer, this.manager.plan.accessLogIntervalMs)
      this.logPeriodically()
    } else if (kind === REQUEST_TIMER) {
      cells[S.RQ_TIMEOUT]! += 1
      this.sendLocalReply(this.requestComplete ? 504 : 408, 'request timeout', 'request_overall_timeout')
    } else {
      cells[S.RQ_MAX_DURATION_REACHED]! += 1
      const status = this.requestComplete ? 504 : 408
      this.sendLocalReply(status, 'downstream duration timeout', 'max_duration_timeout', null, DEADLINE_EXCEEDED)
    }
  }
}
