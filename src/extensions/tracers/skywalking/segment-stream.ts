// Segments on their way to SkyWalking's backend, over one stream that is opened again where it ends.
import { Timer, type TimerOwner } from '../../../base/index.ts'
import { messageCodec } from '../../../config/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import {
  type GrpcCallOptions,
  GrpcStream,
  type GrpcStreamCallbacks,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import type { SegmentReporter } from './segment.ts'

const STATS = statTemplate({ counters: ['segments_sent', 'segments_dropped', 'cache_flushed', 'segments_flushed'] })
const SENT = STATS.slot('segments_sent')
const DROPPED = STATS.slot('segments_dropped')
const CACHE_FLUSHED = STATS.slot('cache_flushed')
const FLUSHED = STATS.slot('segments_flushed')

const FIRST_BACK_OFF_MS = 500
const MAX_BACK_OFF_MS = 30_000

export class SegmentStream implements SegmentReporter, GrpcStreamCallbacks, TimerOwner {
  private readonly thread: UpstreamThread
  private readonly service: GrpcCallOptions
  private readonly maxCached: number
  private readonly stats: StatBlock
  private readonly codec = messageCodec('skywalking.v3.SegmentObject')
  private readonly retryTimer = new Timer(this, 0)
  private stream: GrpcStream | null = null
  /** Encoded segments that wait for a stream. */
  private cached: Uint8Array[] = []
  private backOffMs = FIRST_BACK_OFF_MS
  /** The backend takes no more for now. */
  private full = false

  constructor(thread: ThreadContext, service: GrpcCallOptions, maxCached: number) {
    this.thread = thread as UpstreamThread
    this.service = service
    this.maxCached = maxCached
    this.stats = thread.stats.block('tracing.skywalking.', STATS)
  }

  report(segment: object): void {
    const message = this.codec.encode(segment)
    if (this.stream === null && !this.retryTimer.armed) this.open()
    if (this.stream !== null && !this.full) {
      this.stats.cells[SENT]! += 1
      this.stream.send(message)
      return
    }
    this.cached.push(message)
    if (this.cached.length <= this.maxCached) return
    this.cached.shift()
    this.stats.cells[DROPPED]! += 1
  }

  private open(): void {
    this.full = false
    const stream = GrpcStream.open(this.thread.asyncClient, this.service, this)
    if (stream.closed) return
    this.stream = stream
    this.flush(stream)
  }

  private flush(stream: GrpcStream): void {
    const { cached, stats } = this
    if (cached.length === 0) return
    this.cached = []
    for (const message of cached) stream.send(message)
    stats.cells[SENT]! += cached.length
    stats.cells[FLUSHED]! += cached.length
    stats.cells[CACHE_FLUSHED]! += 1
  }

  onGrpcMessage(): void {
    this.backOffMs = FIRST_BACK_OFF_MS
  }

  onGrpcClose(): void {
    this.stream = null
    this.thread.timers.arm(this.retryTimer, this.backOffMs * (1 + this.thread.random()))
    this.backOffMs = Math.min(this.backOffMs * 2, MAX_BACK_OFF_MS)
  }

  onGrpcAboveWriteBufferHighWatermark(): void {
    this.full = true
  }

  onGrpcBelowWriteBufferLowWatermark(): void {
    this.full = false
    if (this.stream !== null) this.flush(this.stream)
  }

  onTimer(): void {
    // Where nothing waits, the next segment opens the stream.
    if (this.cached.length === 0) return
    this.thread.buffers.enter()
    this.open()
    this.thread.buffers.leave()
  }
}
