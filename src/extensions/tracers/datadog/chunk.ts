// The spans of one request in this proxy, sent together once all of them have ended.
import { randomHex, type Span, type TraceCarrier } from '../../../observability/index.ts'
import type { MessagePack } from './message-pack.ts'
import { type DatadogContext, DECISION_MAKER, highBitsTag, inject } from './propagation.ts'

const USER_DROP = -1
const NAME = 'envoy.proxy'
const NO_PARENT = '0000000000000000'

/** What all spans of a process have. */
export interface Process {
  readonly service: string
  readonly version: string
  readonly runtimeId: string
}

export interface ChunkReporter {
  readonly process: Process
  report(chunk: Chunk): void
}

/** How a trace was decided on here; `rate` -1: it was decided elsewhere, or by the request id. */
export interface Sampling {
  readonly priority: number
  readonly rate: number
  readonly decisionMaker: string
}

export class Chunk {
  readonly traceId: string
  readonly spans: DatadogSpan[] = []
  readonly origin: string
  readonly tags: Map<string, string>
  readonly otherStates: string
  readonly lastParent: string
  readonly reporter: ChunkReporter
  priority: number
  rate: number
  private open = 0

  constructor(reporter: ChunkReporter, traceId: string, context: DatadogContext | null, sampling: Sampling) {
    this.reporter = reporter
    this.traceId = traceId
    this.origin = context?.origin ?? ''
    this.tags = new Map(context?.tags)
    this.otherStates = context?.otherStates ?? ''
    this.lastParent = context?.lastParent ?? ''
    this.priority = sampling.priority
    this.rate = sampling.rate
    if (sampling.decisionMaker !== '') this.tags.set(DECISION_MAKER, sampling.decisionMaker)
  }

  /** `context` null: the trace begins with this request. */
  static root(
    reporter: ChunkReporter,
    traceId: string,
    context: DatadogContext | null,
    sampling: Sampling,
    resource: string,
    startWallMs: number,
  ): Span {
    const chunk = new Chunk(reporter, traceId, context, sampling)
    const spanId = context === null ? traceId.slice(16) : randomHex(8)
    return chunk.begin(spanId, context?.parentId ?? NO_PARENT, resource, startWallMs)
  }

  begin(spanId: string, parentId: string, resource: string, startWallMs: number): DatadogSpan {
    const span = new DatadogSpan(this, spanId, parentId, resource, startWallMs)
    this.spans.push(span)
    this.open++
    return span
  }

  onSpanEnd(): void {
    if (--this.open === 0) this.reporter.report(this)
  }

  /** Somebody here has decided against it, whatever was decided before. */
  drop(): void {
    this.priority = USER_DROP
    this.rate = -1
    this.tags.delete(DECISION_MAKER)
  }

  writeTo(pack: MessagePack): void {
    pack.array(this.spans.length)
    for (const span of this.spans) span.writeTo(pack)
  }
}

const nanoseconds = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n

export class DatadogSpan implements Span {
  private readonly chunk: Chunk
  private readonly id: string
  private readonly parentId: string
  private readonly startWallMs: number
  private endWallMs = 0
  private resource: string
  private failed = false
  private readonly meta = new Map<string, string>()

  constructor(chunk: Chunk, id: string, parentId: string, resource: string, startWallMs: number) {
    this.chunk = chunk
    this.id = id
    this.parentId = parentId
    this.resource = resource
    this.startWallMs = startWallMs
  }

  /** As Envoy: the id of the span. */
  get traceId(): string {
    return this.id
  }

  get spanId(): string {
    return ''
  }

  /** The agent gets every trace, with its priority: it counts them. */
  get sampled(): boolean {
    return true
  }

  set sampled(sampled: boolean) {
    if (!sampled) this.chunk.drop()
  }

  setOperation(name: string): void {
    this.resource = name
  }

  setTag(name: string, value: string): void {
    if (name === 'error') {
      this.failed = value === 'true'
      return
    }
    if (name === 'error.reason') this.meta.set('error.message', value)
    if (name === 'resource.name') this.resource = value
    else this.meta.set(name, value)
  }

  /** Spans of Datadog's have no events. */
  annotate(): void {}

  inject(carrier: TraceCarrier): void {
    const { traceId, priority, origin, tags, otherStates } = this.chunk
    inject(carrier, { traceId, spanId: this.id, priority, origin, tags, otherStates })
  }

  spawnChild(operation: string, startWallMs: number): Span {
    return this.chunk.begin(randomHex(8), this.id, operation, startWallMs)
  }

  finish(endWallMs: number): void {
    this.endWallMs = endWallMs
    this.chunk.onSpanEnd()
  }

  writeTo(pack: MessagePack): void {
    const { chunk, meta } = this
    const { service, version, runtimeId } = chunk.reporter.process
    const metrics = new Map([['process_id', process.pid]])
    meta.set('language', 'cpp').set('runtime-id', runtimeId).set('version', version)
    if (chunk.spans[0] === this) this.describeChunk(metrics)
    pack.map(12)
    pack.text('service')
    pack.text(service)
    pack.text('name')
    pack.text(NAME)
    pack.text('resource')
    pack.text(this.resource)
    pack.text('trace_id')
    pack.unsigned(BigInt(`0x${chunk.traceId.slice(16)}`))
    pack.text('span_id')
    pack.unsigned(BigInt(`0x${this.id}`))
    pack.text('parent_id')
    pack.unsigned(BigInt(`0x${this.parentId}`))
    pack.text('start')
    pack.unsigned(nanoseconds(this.startWallMs))
    pack.text('duration')
    pack.unsigned(nanoseconds(Math.max(this.endWallMs - this.startWallMs, 0)))
    pack.text('error')
    pack.integer(this.failed ? 1 : 0)
    pack.text('meta')
    pack.texts(meta)
    pack.text('metrics')
    pack.doubles(metrics)
    pack.text('type')
    pack.text('web')
  }

  /** The first span of a chunk tells what holds for all of it. */
  private describeChunk(metrics: Map<string, number>): void {
    const { chunk, meta } = this
    for (const [name, value] of chunk.tags) meta.set(name, value)
    const high = highBitsTag(chunk.traceId)
    if (high !== null) meta.set(high[0], high[1])
    if (chunk.origin !== '') meta.set('_dd.origin', chunk.origin)
    if (chunk.lastParent !== '') meta.set('_dd.parent_id', chunk.lastParent)
    if (chunk.rate >= 0) metrics.set('_dd.agent_psr', chunk.rate)
    metrics.set('_sampling_priority_v1', chunk.priority)
  }
}
