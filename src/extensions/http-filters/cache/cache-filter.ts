// Answers from the store, asks whether what is stored is still good, and stores what passes.
import {
  BodyBuffer,
  CONTENT_LENGTH,
  FilterContinue,
  FilterStop,
  HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  X_ENVOY_INTERNAL,
  X_FORWARDED_FOR,
} from '../../../http/index.ts'
import { ownAddress } from '../../../net/index.ts'
import { ResponseFlag } from '../../../observability/index.ts'
import { byteRange } from './byte-range.ts'
import type { CachePlan, Prepared } from './cache-plan.ts'
import { AGE, type StoredResponse } from './stored-response.ts'

const DETAILS = 'cache.response_from_cache_filter'
const RANGE = HeaderName.of('range')
const CONTENT_RANGE = HeaderName.of('content-range')
const IF_NONE_MATCH = HeaderName.of('if-none-match')
const IF_MODIFIED_SINCE = HeaderName.of('if-modified-since')
/** A piece of a stored body; between pieces a slow client may ask for a pause. */
const PIECE_BYTES = 64 * 1024
const NOT_MODIFIED = 304
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export class CacheFilter extends HttpFilter {
  private readonly plan: CachePlan
  /** The request is none of the store's business. */
  private passes = true
  /** Where it succeeds, what is stored for its target is out of date (RFC 9111, 4.4). */
  private changes = false
  /** The answer comes from here. */
  private answering = false
  /** The origin is asked whether this is still good. */
  private validating: StoredResponse | null = null
  private mayStore = false
  private storing: BodyBuffer | null = null
  private prepared: Prepared | null = null
  private left: Buffer | null = null
  private sent = 0
  private paused = 0
  private sending = false

  constructor(plan: CachePlan) {
    super()
    this.plan = plan
  }

  private get nowMs(): number {
    return this.callbacks.thread.clock.wallMs()
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { plan } = this
    this.changes = !SAFE.has(headers.method)
    if (!plan.concerns(headers, endStream)) return FilterContinue
    this.passes = false
    const asked = plan.asked(headers)
    this.mayStore = !asked.noStore
    const stored = plan.find(headers)
    if (stored === null) return this.askOrigin(headers)
    if (stored.mayServe(asked, this.nowMs)) {
      this.serve(stored, headers)
      return FilterStop
    }
    if (stored.addConditions(headers, IF_NONE_MATCH, IF_MODIFIED_SINCE)) this.validating = stored
    return this.askOrigin(headers)
  }

  /** As Envoy, whose cache asks in its own name: it is one more proxy on the way. */
  private askOrigin(headers: HeaderMap): HttpFilterStatus {
    const before = headers.get(X_FORWARDED_FOR)
    headers.set(X_FORWARDED_FOR, before === undefined ? ownAddress() : `${before},${ownAddress()}`)
    headers.set(X_ENVOY_INTERNAL, 'true')
    return FilterContinue
  }

  // ---- from the store

  private serve(stored: StoredResponse, request: HeaderMap): void {
    const { callbacks } = this
    this.answering = true
    const headers = HeaderMap.acquire()
    const body = this.fill(headers, stored, request)
    headers.set(AGE, String(stored.ageAt(this.nowMs)))
    callbacks.info.flags |= ResponseFlag.ResponseFromCacheFilter
    callbacks.info.responseCodeDetails = DETAILS
    const empty = request.method === 'HEAD' || body.length === 0
    if (!empty) this.left = body
    callbacks.encodeHeaders(headers, empty)
    this.send()
  }

  /** Head of what is stored, or of the part that is asked for; returns its body. */
  private fill(headers: HeaderMap, stored: StoredResponse, request: HeaderMap): Buffer {
    headers.status = stored.status
    for (const [name, value] of stored.fields) headers.append(HeaderName.named(name), value)
    const { body } = stored
    // Ranges are of GET alone (RFC 9110, 14.2).
    const range = request.method === 'GET' && stored.status === 200 ? byteRange(request.get(RANGE), body.length) : null
    if (range === null) return body
    if (range === 'unsatisfiable') {
      headers.status = 416
      headers.set(CONTENT_RANGE, `bytes */${body.length}`)
      headers.set(CONTENT_LENGTH, '0')
      return body.subarray(0, 0)
    }
    headers.status = 206
    headers.set(CONTENT_RANGE, `bytes ${range.first}-${range.last}/${body.length}`)
    headers.set(CONTENT_LENGTH, String(range.last + 1 - range.first))
    return body.subarray(range.first, range.last + 1)
  }

  private send(): void {
    if (this.sending) return
    this.sending = true
    while (this.left !== null && this.paused === 0) {
      const body = this.left
      const start = this.sent
      const end = Math.min(start + PIECE_BYTES, body.length)
      this.sent = end
      if (end === body.length) this.left = null
      this.callbacks.encodeData(body, start, end, end === body.length)
    }
    this.sending = false
  }

  override onDownstreamAboveHighWatermark(): void {
    this.paused++
  }

  override onDownstreamBelowLowWatermark(): void {
    if (this.paused > 0) this.paused--
    if (this.answering) this.send()
  }

  // ---- from the origin

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const request = this.callbacks.requestHeaders
    if (request === null || this.answering) return FilterContinue
    if (this.changes && headers.status >= 200 && headers.status < 400) this.plan.forget(request)
    if (this.passes) return FilterContinue
    if (this.validating !== null && headers.status === NOT_MODIFIED) {
      return this.confirm(this.validating, headers, endStream, request)
    }
    if (!this.mayStore || Number(headers.get(CONTENT_LENGTH) ?? 0) > this.plan.maxBodyBytes) return FilterContinue
    this.prepared = this.plan.prepare(request, headers, this.nowMs)
    if (this.prepared === null) return FilterContinue
    this.storing = new BodyBuffer()
    if (endStream) this.complete(request)
    return FilterContinue
  }

  /** The origin says that what is stored is still good: the client gets that. */
  private confirm(
    stored: StoredResponse,
    headers: HeaderMap,
    endStream: boolean,
    request: HeaderMap,
  ): HttpFilterStatus {
    const { callbacks, plan } = this
    if (!endStream || !stored.isConfirmedBy(headers)) {
      // The client has asked no such question, so it cannot be told this.
      callbacks.sendLocalReply(502, '', 'cache.unexpected_not_modified')
      return FilterStop
    }
    const refreshed = stored.refreshedBy(headers, this.nowMs)
    if (this.mayStore) plan.refresh(request, refreshed)
    headers.clear()
    const body = this.fill(headers, refreshed, request)
    callbacks.info.flags |= ResponseFlag.ResponseFromCacheFilter
    callbacks.info.responseCodeDetails = DETAILS
    if (request.method !== 'HEAD') callbacks.encoding.addData(this, body, 0, body.length)
    return FilterContinue
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const { storing } = this
    if (storing === null) return FilterContinue
    storing.append(data, start, end)
    if (storing.length > this.plan.maxBodyBytes) this.storing = null
    else if (endStream) this.complete(this.callbacks.requestHeaders)
    return FilterContinue
  }

  /** Trailers are not kept, which a cache may do (RFC 9111, 3.1). */
  override encodeTrailers(): HttpFilterStatus {
    if (this.storing !== null) this.complete(this.callbacks.requestHeaders)
    return FilterContinue
  }

  private complete(request: HeaderMap | null): void {
    const { prepared, storing } = this
    this.storing = null
    if (request === null || prepared === null || storing === null) return
    prepared.stored.body = storing.toBuffer()
    this.plan.put(request, prepared)
  }

  override onDestroy(): void {
    this.left = this.storing = this.validating = this.prepared = null
  }
}
