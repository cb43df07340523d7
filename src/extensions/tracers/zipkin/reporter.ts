// Batches of spans on their way to a Zipkin collector.
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import {
  type CollectorAddress,
  HttpCollector,
  SpanBuffer,
  type SpanSink,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import type { Serializer } from './serializer.ts'
import type { SpanReporter, ZipkinSpan } from './zipkin-span.ts'

const PREFIX = 'tracing.zipkin'
const REQUEST_TIMEOUT_MS = 5000
/** However many runtime asks to wait for. */
const MAX_SPANS = 4096
const ACCEPTED = 202

const STATS = statTemplate({
  counters: [
    'spans_sent',
    'timer_flushed',
    'reports_skipped_no_cluster',
    'reports_sent',
    'reports_dropped',
    'reports_failed',
  ],
})
const SPANS_SENT = STATS.slot('spans_sent')
const TIMER_FLUSHED = STATS.slot('timer_flushed')
const SKIPPED = STATS.slot('reports_skipped_no_cluster')
const SENT = STATS.slot('reports_sent')
const DROPPED = STATS.slot('reports_dropped')
const FAILED = STATS.slot('reports_failed')

export class ZipkinReporter implements SpanReporter, SpanSink<ZipkinSpan> {
  private readonly thread: ThreadContext
  private readonly stats: StatBlock
  private readonly serializer: Serializer
  private readonly collector: HttpCollector
  private readonly buffer: SpanBuffer<ZipkinSpan>

  constructor(thread: ThreadContext, address: CollectorAddress, serializer: Serializer) {
    this.thread = thread
    this.stats = thread.stats.block(`${PREFIX}.`, STATS)
    this.serializer = serializer
    this.collector = new HttpCollector(thread as UpstreamThread, address, serializer.contentType)
    this.buffer = new SpanBuffer(thread, this, PREFIX, MAX_SPANS)
  }

  report(span: ZipkinSpan): void {
    if (!this.buffer.add(span)) this.count(DROPPED, 1)
  }

  onTimedFlush(): void {
    this.count(TIMER_FLUSHED, 1)
  }

  onSpans(spans: readonly ZipkinSpan[]): void {
    this.count(SPANS_SENT, spans.length)
    if (!this.collector.hasCluster) {
      this.count(SKIPPED, 1)
      return
    }
    const timeoutMs = this.thread.runtime.snapshot.getNumber(`${PREFIX}.request_timeout`, REQUEST_TIMEOUT_MS)
    const taken = this.collector.post(this.serializer.serialize(spans), timeoutMs, status => {
      this.count(status === 0 ? FAILED : status === ACCEPTED ? SENT : DROPPED, 1)
    })
    if (!taken) this.count(DROPPED, 1)
  }

  private count(slot: number, by: number): void {
    this.stats.cells[slot]! += by
  }
}
