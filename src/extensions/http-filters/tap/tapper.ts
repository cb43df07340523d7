// Records one exchange. Segments wait until it is known that they are wanted, and no longer than they may be.
import { type HeaderMap, type HttpFilterCallbacks, MatchState } from '../../../http/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'
import { newTraceId, type TapPlan, type TraceSink } from './tap-config.ts'
import type { BufferedTrace, SegmentName, TracedBody, TracedConnection, TracedFields } from './trace.ts'

const HIDDEN = 'host'

/** As Envoy lists them: the request line first. */
export function requestFields(headers: HeaderMap): TracedFields {
  const { authority, path, method, scheme } = headers
  const fields: (readonly [string, string])[] = [
    [':authority', authority],
    [':path', path],
    [':method', method],
    [':scheme', scheme],
  ]
  headers.forEach((name, value) => {
    if (name !== HIDDEN) fields.push([name, value])
  })
  return fields.filter(([name, value]) => value !== '' || !name.startsWith(':'))
}

export function responseFields(headers: HeaderMap): TracedFields {
  return [[':status', String(headers.status)], ...plainFields(headers)]
}

function plainFields(headers: HeaderMap): TracedFields {
  const fields: (readonly [string, string])[] = []
  headers.forEach((name, value) => {
    fields.push([name, value])
  })
  return fields
}

/** The first bytes of a body. */
class RecordedBody {
  private readonly pieces: Buffer[] = []
  private readonly limitBytes: number
  private bytes = 0
  private truncated = false
  any = false

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  add(data: Buffer, start: number, end: number): void {
    this.any = true
    const taken = Math.min(end - start, this.limitBytes - this.bytes)
    if (taken < end - start) this.truncated = true
    if (taken <= 0) return
    this.pieces.push(Buffer.copyBytesFrom(data, start, taken) as Buffer)
    this.bytes += taken
  }

  get recorded(): TracedBody | null {
    return this.any ? { bytes: Buffer.concat(this.pieces), truncated: this.truncated } : null
  }
}

export interface TapDetails {
  readonly headersReceivedTime: boolean
  readonly downstreamConnection: boolean
  readonly upstreamConnection: boolean
}

export class Tapper {
  private readonly plan: TapPlan
  private readonly details: TapDetails
  private readonly callbacks: HttpFilterCallbacks
  private readonly state: MatchState
  private readonly traceId: string
  private readonly requestBody: RecordedBody
  private readonly responseBody: RecordedBody
  private requestTrailers: TracedFields = []
  private responseTrailers: TracedFields = []
  private requestMs: number | null = null
  private responseMs: number | null = null
  private sink: TraceSink | null = null
  /** Once they have come. */
  private request: HeaderMap | null = null
  private response: HeaderMap | null = null
  /** Streaming: segments go out as they come. */
  private started = false

  constructor(plan: TapPlan, details: TapDetails, callbacks: HttpFilterCallbacks) {
    this.plan = plan
    this.details = details
    this.callbacks = callbacks
    this.state = new MatchState(plan.match)
    this.traceId = newTraceId(callbacks.thread)
    this.requestBody = new RecordedBody(plan.maxRequestBytes)
    this.responseBody = new RecordedBody(plan.maxResponseBytes)
  }

  onRequestHeaders(headers: HeaderMap): void {
    if (this.details.headersReceivedTime) this.requestMs = this.callbacks.thread.clock.wallMs()
    this.state.onHeaders('requestHeaders', headers)
    if (this.wanted()) this.segment('request_headers', requestFields(headers))
    this.request = headers
  }

  onRequestBody(data: Buffer, start: number, end: number): void {
    this.onBody(true, data, start, end)
  }

  onRequestTrailers(trailers: HeaderMap): void {
    const fields = plainFields(trailers)
    this.state.onHeaders('requestTrailers', trailers)
    if (this.wanted()) this.segment('request_trailers', fields)
    this.requestTrailers = fields
  }

  onResponseHeaders(headers: HeaderMap): void {
    if (this.details.headersReceivedTime) this.responseMs = this.callbacks.thread.clock.wallMs()
    this.state.onHeaders('responseHeaders', headers)
    if (this.wanted()) this.segment('response_headers', responseFields(headers))
    this.response = headers
  }

  onResponseBody(data: Buffer, start: number, end: number): void {
    this.onBody(false, data, start, end)
  }

  onResponseTrailers(trailers: HeaderMap): void {
    const fields = plainFields(trailers)
    this.state.onHeaders('responseTrailers', trailers)
    if (this.wanted()) this.segment('response_trailers', fields)
    this.responseTrailers = fields
  }

  /** Whether the exchange was recorded. */
  finish(): boolean {
    if (this.plan.streaming) return this.started
    if (this.request === null || !this.state.matches) return false
    this.plan.open(this.traceId).submit(this.whole(this.request))
    return true
  }

  private onBody(ofRequest: boolean, data: Buffer, start: number, end: number): void {
    if (start === end) return
    this.state.onBody(ofRequest, data, start, end)
    const body = ofRequest ? this.requestBody : this.responseBody
    if (this.started || this.wanted()) {
      const chunk = new RecordedBody(ofRequest ? this.plan.maxRequestBytes : this.plan.maxResponseBytes)
      chunk.add(data, start, end)
      this.segment(ofRequest ? 'request_body_chunk' : 'response_body_chunk', chunk.recorded as TracedBody)
    } else if (!this.plan.streaming || this.state.mayChange) body.add(data, start, end)
  }

  /** Streaming: this part is to go out; what has waited goes before it. */
  private wanted(): boolean {
    if (!this.plan.streaming || !this.state.matches) return false
    if (!this.started) {
      this.started = true
      this.catchUp()
    }
    return true
  }

  private catchUp(): void {
    const { request, response, requestTrailers } = this
    if (request !== null) this.segment('request_headers', requestFields(request))
    const { recorded: requestBody } = this.requestBody
    if (requestBody !== null) this.segment('request_body_chunk', requestBody)
    if (requestTrailers.length > 0) this.segment('request_trailers', requestTrailers)
    if (response !== null) this.segment('response_headers', responseFields(response))
    const { recorded: responseBody } = this.responseBody
    if (responseBody !== null) this.segment('response_body_chunk', responseBody)
  }

  private segment(name: SegmentName, content: TracedFields | TracedBody): void {
    this.sink ??= this.plan.open(this.traceId)
    this.sink.submit({ kind: 'segment', traceId: this.traceId, name, content })
  }

  /** As Envoy, with the headers as they are in the end. */
  private whole(request: HeaderMap): BufferedTrace {
    const { details, response, requestMs, responseMs } = this
    const { info } = this.callbacks
    const { connection } = info
    return {
      kind: 'buffered',
      request: {
        headers: requestFields(request),
        body: this.requestBody.recorded,
        trailers: this.requestTrailers,
        receivedMs: requestMs,
      },
      response:
        response === null
          ? null
          : {
              headers: responseFields(response),
              body: this.responseBody.recorded,
              trailers: this.responseTrailers,
              receivedMs: responseMs,
            },
      downstream: details.downstreamConnection
        ? { local: connection.localAddress, remote: info.remoteAddress ?? connection.remoteAddress }
        : null,
      upstream: details.upstreamConnection ? upstreamOf(info) : null,
    }
  }
}

/** Null: the request went nowhere. */
function upstreamOf(info: StreamInfo): TracedConnection | null {
  const { upstreamLocalAddress: local } = info
  const remote = info.upstreamRemoteAddress ?? info.upstreamHostAddress
  return local === null || remote === null ? null : { local, remote }
}
