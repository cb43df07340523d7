// HOT FILE (docs/hot-path.md): a request becomes the call of a function, and what that answers its response.

import { hash } from 'node:crypto'
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  EMPTY_PAYLOAD,
  FilterContinue,
  type FilterDirection,
  FilterStop,
  FilterStopAndBuffer,
  FilterStopAndWatermark,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  nameContent,
  signRequest,
} from '../../../http/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { answerOf, eventOf } from './event.ts'
import type { LambdaPlan } from './plan.ts'

const INVOCATION_TYPE = HeaderName.of('x-amz-invocation-type')
const FUNCTION_ERROR = HeaderName.of('x-amz-function-error')
const SET_COOKIE = HeaderName.of('set-cookie')
const NO_BYTES = Buffer.alloc(0)
const SERVER_ERROR = 0
const PAYLOAD_SIZE = 1

export class AwsLambda extends HttpFilter {
  private readonly own: LambdaPlan
  private readonly stats: StatBlock | null
  private plan: LambdaPlan
  /** Of the request while it is ours; null: it passes. */
  private headers: HeaderMap | null = null
  private response: HeaderMap | null = null
  private payloadHash = ''
  private bytes = 0
  private isWaiting = false

  constructor(plan: LambdaPlan, stats: StatBlock | null) {
    super()
    this.own = plan
    this.plan = plan
    this.stats = stats
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (!isGateway(this.callbacks.info.clusterMetadata)) return FilterContinue
    this.plan = (this.routePlan() as LambdaPlan | null) ?? this.own
    this.plan.credentials.start()
    this.headers = headers
    if (!endStream) return FilterStop
    if (this.plan.passthrough) return this.called(EMPTY_PAYLOAD) ? FilterContinue : FilterStopAndWatermark
    const event = eventOf(headers, null)
    this.describe(event)
    const isCalled = this.called(hash('sha256', event, 'hex'))
    this.callbacks.decoding.addData(this, event, 0, event.length)
    return isCalled ? FilterContinue : FilterStopAndBuffer
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.headers === null) return FilterContinue
    this.bytes += end - start
    if (!endStream || this.bytes > this.callbacks.bufferLimitBytes) return FilterStopAndBuffer
    const payload = this.payload(taken(this.callbacks.decoding, this, data.subarray(start, end)))
    this.callbacks.decoding.replaceData(payload, 0, payload.length)
    return this.called(hash('sha256', payload, 'hex')) ? FilterContinue : FilterStopAndBuffer
  }

  override decodeTrailers(): HttpFilterStatus {
    if (this.headers === null) return FilterContinue
    const payload = this.payload(taken(this.callbacks.decoding, this, NO_BYTES))
    this.callbacks.decoding.addData(this, payload, 0, payload.length)
    return this.called(hash('sha256', payload, 'hex')) ? FilterContinue : FilterStop
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (this.headers === null || endStream || headers.status >= 300 || headers.has(FUNCTION_ERROR))
      return FilterContinue
    if (this.plan.passthrough || this.plan.asynchronous) return FilterContinue
    this.response = headers
    return FilterStop
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.response === null) return FilterContinue
    if (!endStream) return FilterStopAndBuffer
    const body = this.respond(taken(this.callbacks.encoding, this, data.subarray(start, end)))
    this.callbacks.encoding.replaceData(body, 0, body.length)
    return FilterContinue
  }

  override encodeTrailers(): HttpFilterStatus {
    if (this.response === null) return FilterContinue
    const body = this.respond(taken(this.callbacks.encoding, this, NO_BYTES))
    this.callbacks.encoding.addData(this, body, 0, body.length)
    return FilterContinue
  }

  override onDestroy(): void {
    if (this.isWaiting) this.plan.credentials.forget(this)
    this.isWaiting = false
    this.headers = null
    this.response = null
  }

  onCredentials(): void {
    this.isWaiting = false
    if (this.headers !== null && this.signed()) this.callbacks.continueDecoding(this)
  }

  private payload(body: Buffer): Buffer {
    const payload = this.plan.passthrough ? body : eventOf(this.headers as HeaderMap, body)
    if (!this.plan.passthrough) this.describe(payload)
    this.stats?.histogram(PAYLOAD_SIZE).record(payload.length)
    return payload
  }

  private describe(event: Buffer): void {
    const headers = this.headers as HeaderMap
    headers.set(CONTENT_LENGTH, String(event.length))
    headers.set(CONTENT_TYPE, 'application/json')
  }

  /** False: the credentials are on their way. */
  private called(payloadHash: string): boolean {
    const headers = this.headers as HeaderMap
    const { plan } = this
    headers.method = 'POST'
    headers.path = plan.path
    headers.set(INVOCATION_TYPE, plan.asynchronous ? 'Event' : 'RequestResponse')
    if (plan.hostRewrite !== '') headers.authority = plan.hostRewrite
    this.payloadHash = payloadHash
    nameContent(headers, payloadHash)
    return this.signed()
  }

  private signed(): boolean {
    const { plan } = this
    const credentials = plan.credentials.current()
    if (credentials === undefined) {
      this.isWaiting = true
      plan.credentials.wait(this)
      return false
    }
    if (credentials !== null) {
      signRequest(this.headers as HeaderMap, this.payloadHash, credentials, plan.settings, Date.now())
    }
    return true
  }

  /** The body of the response. */
  private respond(json: Buffer): Buffer {
    const headers = this.response as HeaderMap
    const answer = answerOf(json)
    if (answer === null) {
      if (this.stats !== null) this.stats.cells[SERVER_ERROR]! += 1
      headers.status = 500
      headers.set(CONTENT_LENGTH, '0')
      return NO_BYTES
    }
    headers.set(CONTENT_TYPE, 'application/json')
    for (const [name, value] of answer.headers) headers.set(HeaderName.named(name), wire(value))
    for (const cookie of answer.cookies) headers.append(SET_COOKIE, wire(cookie))
    if (answer.status !== 0) headers.status = answer.status
    headers.set(CONTENT_LENGTH, String(answer.body.length))
    return answer.body
  }
}

const wire = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** All of a body: what is held, which is let go of, and its last piece. */
function taken(way: FilterDirection, filter: HttpFilter, last: Buffer): Buffer {
  const held = way.held(filter)
  if (held === null || held.length === 0) return Buffer.from(last)
  const body = Buffer.concat([held.toBuffer(), last])
  held.clear()
  return body
}

function isGateway(metadata: object | null): boolean {
  const lambda = (metadata as Record<string, unknown> | null)?.['com.amazonaws.lambda']
  return (lambda as { readonly egress_gateway?: unknown } | undefined)?.egress_gateway === true
}
