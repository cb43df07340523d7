// A segment: the spans of one request in this proxy. It is sent once all of them have ended.
import { randomUUID } from 'node:crypto'
import type { Span, TraceCarrier } from '../../../observability/index.ts'
import { type Reference, writeSw8 } from './sw8.ts'

const ENTRY = 0
const EXIT = 1
const HTTP_LAYER = 3
/** Envoy's number among the components that SkyWalking knows. */
const COMPONENT_ID = 9000
const NO_PARENT = -1

export interface Identity {
  readonly service: string
  readonly instance: string
}

/** Takes finished segments, as fields of skywalking.v3.SegmentObject. */
export interface SegmentReporter {
  report(segment: object): void
}

const NOT_ASCII = /[^\x00-\x7f]/
const text = (latin1: string): string =>
  NOT_ASCII.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1
const pair = (key: string, value: string): object => ({ key: text(key), value: text(value) })
const milliseconds = (ms: number): bigint => BigInt(Math.floor(ms))

export class Segment {
  readonly traceId: string
  readonly segmentId = randomUUID()
  readonly identity: Identity
  readonly reference: Reference | null
  readonly endpoint: string
  private readonly reporter: SegmentReporter
  private readonly spans: SegmentSpan[] = []
  private open = 0

  /** `reference` null: a trace begins. */
  constructor(reporter: SegmentReporter, identity: Identity, reference: Reference | null, endpoint: string) {
    this.reporter = reporter
    this.identity = identity
    this.reference = reference
    this.endpoint = endpoint
    this.traceId = reference?.traceId ?? randomUUID()
  }

  begin(type: number, parentId: number, operation: string, startWallMs: number): SegmentSpan {
    const span = new SegmentSpan(this, this.spans.length, type, parentId, operation, startWallMs)
    this.spans.push(span)
    this.open++
    return span
  }

  onSpanEnd(): void {
    if (--this.open > 0) return
    this.reporter.report({
      traceId: text(this.traceId),
      traceSegmentId: this.segmentId,
      service: text(this.identity.service),
      serviceInstance: text(this.identity.instance),
      spans: this.spans.map(span => span.message()),
    })
  }

  references(): readonly object[] {
    const { reference } = this
    if (reference === null) return []
    return [
      {
        traceId: text(reference.traceId),
        parentTraceSegmentId: text(reference.segmentId),
        parentSpanId: reference.spanId,
        parentService: text(reference.service),
        parentServiceInstance: text(reference.instance),
        parentEndpoint: text(reference.endpoint),
        networkAddressUsedAtPeer: text(reference.address),
      },
    ]
  }
}

export class SegmentSpan implements Span {
  private readonly segment: Segment
  private readonly id: number
  private readonly type: number
  private readonly parentId: number
  private readonly startWallMs: number
  private operation: string
  private endWallMs = 0
  private peer = ''
  private failed = false
  private skipsAnalysis = false
  private readonly tags: object[] = []
  private readonly logs: object[] = []

  constructor(segment: Segment, id: number, type: number, parentId: number, operation: string, startWallMs: number) {
    this.segment = segment
    this.id = id
    this.type = type
    this.parentId = parentId
    this.operation = operation
    this.startWallMs = startWallMs
  }

  static entry(segment: Segment, startWallMs: number): SegmentSpan {
    return segment.begin(ENTRY, NO_PARENT, segment.endpoint, startWallMs)
  }

  /** As Envoy, which tells neither. */
  get traceId(): string {
    return ''
  }

  get spanId(): string {
    return ''
  }

  /** Segments are always sent; some are not analysed. */
  get sampled(): boolean {
    return true
  }

  set sampled(sampled: boolean) {
    if (!sampled) this.skipsAnalysis = true
  }

  /** As Envoy: a span is called by the request's path. */
  setOperation(): void {}

  setTag(name: string, value: string): void {
    if (name === 'peer.address') {
      this.peer = value
      return
    }
    if (name === 'error') this.failed = true
    const key = name === 'http.url' ? 'url' : name === 'http.status_code' ? 'status_code' : name
    this.tags.push(pair(key, value))
  }

  annotate(wallMs: number, event: string): void {
    this.logs.push({ time: milliseconds(wallMs), data: [pair('', event)] })
  }

  /** The next hop refers to a span of an attempt; without one it is not told, as in Envoy. */
  inject(carrier: TraceCarrier, address: string): void {
    if (this.type === ENTRY) return
    const { traceId, segmentId, identity, endpoint } = this.segment
    carrier.put('sw8', writeSw8({ traceId, segmentId, spanId: this.id, ...identity, endpoint, address }))
    this.operation = carrier.lookup(':path') ?? this.operation
  }

  spawnChild(_operation: string, startWallMs: number): Span {
    return this.segment.begin(EXIT, this.id, this.operation, startWallMs)
  }

  finish(endWallMs: number): void {
    this.endWallMs = endWallMs
    this.segment.onSpanEnd()
  }

  message(): object {
    return {
      spanId: this.id,
      parentSpanId: this.parentId,
      startTime: milliseconds(this.startWallMs),
      endTime: milliseconds(this.endWallMs),
      refs: this.type === ENTRY ? this.segment.references() : [],
      operationName: text(this.operation),
      peer: text(this.peer),
      spanType: this.type,
      spanLayer: HTTP_LAYER,
      componentId: COMPONENT_ID,
      isError: this.failed,
      tags: this.tags,
      logs: this.logs,
      skipAnalysis: this.skipsAnalysis,
    }
  }
}
