// Chunks of spans on their way to the Datadog agent.
import { HeaderName } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import {
  type CollectorAddress,
  HttpCollector,
  SpanBuffer,
  type SpanSink,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import type { AgentRates } from './agent-rates.ts'
import type { Chunk, ChunkReporter, Process } from './chunk.ts'
import { MessagePack } from './message-pack.ts'

const PREFIX = 'tracing.datadog'
const TIMEOUT_MS = 2000
/** A batch goes when it is time; as many chunks are kept until then. */
const MAX_CHUNKS = 4096
const FLUSH = { minSpans: MAX_CHUNKS, intervalMs: 2000 }
const TRACE_COUNT = HeaderName.of('x-datadog-trace-count')
const OK = 200

const STATS = statTemplate({
  counters: ['reports_skipped_no_cluster', 'reports_sent', 'reports_dropped', 'reports_failed'],
})
const SKIPPED = STATS.slot('reports_skipped_no_cluster')
const SENT = STATS.slot('reports_sent')
const DROPPED = STATS.slot('reports_dropped')
const FAILED = STATS.slot('reports_failed')

export class Agent implements ChunkReporter, SpanSink<Chunk> {
  readonly process: Process
  private readonly stats: StatBlock
  private readonly rates: AgentRates
  private readonly collector: HttpCollector
  private readonly buffer: SpanBuffer<Chunk>

  constructor(thread: ThreadContext, address: CollectorAddress, process: Process, rates: AgentRates) {
    this.process = process
    this.rates = rates
    this.stats = thread.stats.block(`${PREFIX}.`, STATS)
    this.collector = new HttpCollector(thread as UpstreamThread, address, 'application/msgpack')
    this.buffer = new SpanBuffer(thread, this, PREFIX, MAX_CHUNKS, FLUSH)
  }

  report(chunk: Chunk): void {
    if (!this.buffer.add(chunk)) this.count(DROPPED)
  }

  onTimedFlush(): void {}

  onSpans(chunks: readonly Chunk[]): void {
    if (!this.collector.hasCluster) {
      this.count(SKIPPED)
      return
    }
    const pack = new MessagePack()
    pack.array(chunks.length)
    for (const chunk of chunks) chunk.writeTo(pack)
    const counted = [{ name: TRACE_COUNT, value: String(chunks.length) }]
    const taken = this.collector.post(pack.take(), TIMEOUT_MS, (status, body) => this.onAnswer(status, body), counted)
    if (!taken) this.count(DROPPED)
  }

  private onAnswer(status: number, body: Buffer): void {
    this.count(status === 0 ? FAILED : status === OK ? SENT : DROPPED)
    if (status === OK) this.rates.update(body.toString())
  }

  private count(slot: number): void {
    this.stats.cells[slot]! += 1
  }
}
