// HOT FILE (docs/hot-path.md): signs a request when its payload and the credentials are known.
import { createHash, type Hash } from 'node:crypto'
import {
  EMPTY_PAYLOAD,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  FilterStopAndWatermark,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  nameContent,
  signRequest,
  UNSIGNED_PAYLOAD,
} from '../../../http/index.ts'
import { S, type SigningPlan } from './plan.ts'

export class AwsRequestSigning extends HttpFilter {
  private readonly own: SigningPlan
  private plan: SigningPlan
  private headers: HeaderMap | null = null
  private payload: Hash | null = null
  private payloadHash = ''
  private bytes = 0
  private isWaiting = false

  constructor(plan: SigningPlan) {
    super()
    this.own = plan
    this.plan = plan
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const plan = (this.routePlan() as SigningPlan | null) ?? this.own
    this.plan = plan
    this.headers = headers
    plan.start(this.callbacks.thread, '')
    if (plan.hostRewrite !== '') headers.authority = plan.hostRewrite
    if (!plan.unsignedPayload && !endStream) {
      this.payload = createHash('sha256')
      return FilterStop
    }
    this.payloadHash = plan.unsignedPayload ? UNSIGNED_PAYLOAD : EMPTY_PAYLOAD
    nameContent(headers, this.payloadHash)
    return this.signed() ? FilterContinue : FilterStopAndWatermark
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.payload === null) return FilterContinue
    this.payload.update(data.subarray(start, end))
    this.bytes += end - start
    // A body that comes in one piece with its end is no smaller for it: to keep it fails the request.
    if (!endStream || this.bytes > this.callbacks.bufferLimitBytes) return FilterStopAndBuffer
    return this.finishPayload() ? FilterContinue : FilterStopAndBuffer
  }

  override decodeTrailers(): HttpFilterStatus {
    if (this.payload === null) return FilterContinue
    return this.finishPayload() ? FilterContinue : FilterStop
  }

  override onDestroy(): void {
    if (this.isWaiting) this.plan.credentials.forget(this)
    this.isWaiting = false
    this.headers = null
  }

  private finishPayload(): boolean {
    this.payloadHash = (this.payload as Hash).digest('hex')
    if (this.plan.settings.queryExpiresS < 0) nameContent(this.headers as HeaderMap, this.payloadHash)
    return this.signed()
  }

  /** False: the credentials are on their way. */
  private signed(): boolean {
    const { plan, payload } = this
    const credentials = plan.credentials.current()
    if (credentials === undefined) {
      this.isWaiting = true
      plan.credentials.wait(this)
      return false
    }
    // As Envoy: without credentials the request goes on as it is, and counts.
    if (credentials !== null) {
      signRequest(this.headers as HeaderMap, this.payloadHash, credentials, plan.settings, Date.now())
    }
    plan.count(S.ADDED)
    if (payload !== null) plan.count(S.PAYLOAD_ADDED)
    return true
  }

  onCredentials(): void {
    this.isWaiting = false
    if (this.headers !== null && this.signed()) this.callbacks.continueDecoding(this)
  }
}
