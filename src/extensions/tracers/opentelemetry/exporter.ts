// Batches of spans on their way to an OTLP collector.
import { messageCodec } from '../../../config/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import {
  type CollectorAddress,
  GrpcCall,
  type GrpcCallOptions,
  HttpCollector,
  messageFields,
  SpanBuffer,
  type SpanSink,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import type { SpanReporter } from './otel-span.ts'

const PREFIX = 'tracing.opentelemetry'
/** ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans. */
const RESOURCE_SPANS = 1
const SCOPE_SPANS = 2
const SPANS = 2
/** A collector that does not answer shall not be given ever more. */
const MAX_CALLS = 32

const STATS = statTemplate({ counters: ['spans_sent', 'spans_dropped', 'timer_flushed'] })
const SENT = STATS.slot('spans_sent')
const DROPPED = STATS.slot('spans_dropped')
const TIMER_FLUSHED = STATS.slot('timer_flushed')

/** Sends a message; false: not now. */
export type Send = (message: Buffer) => boolean

export function overGrpc(thread: ThreadContext, service: GrpcCallOptions): Send {
  let calls = 0
  const ended = {
    onGrpcSuccess: () => {
      calls--
    },
    onGrpcFailure: () => {
      calls--
    },
  }
  return message => {
    if (calls >= MAX_CALLS) return false
    calls++
    GrpcCall.start((thread as UpstreamThread).asyncClient, service, message, ended)
    return true
  }
}

export function overHttp(thread: ThreadContext, address: CollectorAddress): Send {
  const collector = new HttpCollector(thread as UpstreamThread, address, 'application/x-protobuf')
  return message => collector.post(message, address.timeoutMs, () => undefined)
}

/** ResourceSpans.resource and ScopeSpans.scope, encoded with their fields. */
export interface Origin {
  readonly resource: Uint8Array
  readonly scope: Uint8Array
}

export class OtelReporter implements SpanReporter, SpanSink<Uint8Array> {
  private readonly stats: StatBlock
  private readonly origin: Origin
  private readonly send: Send
  private readonly buffer: SpanBuffer<Uint8Array>
  private readonly codec = messageCodec('opentelemetry.proto.trace.v1.Span')

  constructor(thread: ThreadContext, origin: Origin, send: Send, maxSpans: number) {
    this.stats = thread.stats.block(`${PREFIX}.`, STATS)
    this.origin = origin
    this.send = send
    this.buffer = new SpanBuffer(thread, this, PREFIX, maxSpans)
  }

  report(span: object): void {
    if (!this.buffer.add(this.codec.encode(span))) this.count(DROPPED, 1)
  }

  onTimedFlush(): void {
    this.count(TIMER_FLUSHED, 1)
  }

  onSpans(spans: readonly Uint8Array[]): void {
    const { resource, scope } = this.origin
    const scopeSpans = messageFields(SCOPE_SPANS, [Buffer.concat([scope, messageFields(SPANS, spans)])])
    const sent = this.send(messageFields(RESOURCE_SPANS, [Buffer.concat([resource, scopeSpans])]))
    this.count(sent ? SENT : DROPPED, spans.length)
  }

  private count(slot: number, by: number): void {
    this.stats.cells[slot]! += by
  }
}
