// Finished spans that wait until there are enough of them, or until it is time. Runtime says how many and how long.
import { Timer, type TimerOwner } from '../../base/index.ts'
import type { ThreadContext } from '../../net/index.ts'

/** What holds where runtime says nothing. */
export interface FlushDefaults {
  readonly minSpans: number
  readonly intervalMs: number
}

const DEFAULTS: FlushDefaults = { minSpans: 5, intervalMs: 5000 }

export interface SpanSink<Span> {
  /** Sends a batch on its way; what cannot be sent is the sink's to count. */
  onSpans(spans: readonly Span[]): void
  /** A batch goes because it is time. */
  onTimedFlush(): void
}

export class SpanBuffer<Span> implements TimerOwner {
  private readonly thread: ThreadContext
  private readonly sink: SpanSink<Span>
  private readonly minKey: string
  private readonly intervalKey: string
  private readonly maxSpans: number
  private readonly defaults: FlushDefaults
  private readonly timer = new Timer(this, 0)
  private spans: Span[] = []

  /** `runtimePrefix`: such as 'tracing.zipkin'. */
  constructor(
    thread: ThreadContext,
    sink: SpanSink<Span>,
    runtimePrefix: string,
    maxSpans: number,
    defaults: FlushDefaults = DEFAULTS,
  ) {
    this.thread = thread
    this.sink = sink
    this.minKey = `${runtimePrefix}.min_flush_spans`
    this.intervalKey = `${runtimePrefix}.flush_interval_ms`
    this.maxSpans = maxSpans
    this.defaults = defaults
  }

  /** False: there is no room for it. */
  add(span: Span): boolean {
    if (this.spans.length >= this.maxSpans) return false
    this.spans.push(span)
    const { snapshot } = this.thread.runtime
    if (this.spans.length >= snapshot.getNumber(this.minKey, this.defaults.minSpans)) this.flush()
    else if (!this.timer.armed) {
      this.thread.timers.arm(this.timer, snapshot.getNumber(this.intervalKey, this.defaults.intervalMs))
    }
    return true
  }

  private flush(): void {
    const { spans } = this
    if (spans.length === 0) return
    this.spans = []
    this.sink.onSpans(spans)
  }

  onTimer(): void {
    if (this.spans.length === 0) return
    this.thread.buffers.enter()
    this.sink.onTimedFlush()
    this.flush()
    this.thread.buffers.leave()
  }
}
