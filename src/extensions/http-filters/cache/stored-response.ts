// One stored response: what it is, how old, and whether it may be used (RFC 9111, 4.2).
import { HeaderMap, HeaderName } from '../../../http/index.ts'
import { type RequestCacheControl, type ResponseCacheControl, responseCacheControl } from './cache-control.ts'

export const AGE = HeaderName.of('age')
export const DATE = HeaderName.of('date')
export const ETAG = HeaderName.of('etag')
export const LAST_MODIFIED = HeaderName.of('last-modified')
const NO_BYTES = Buffer.alloc(0)
const CACHE_CONTROL = HeaderName.of('cache-control')
const EXPIRES = HeaderName.of('expires')
/** Of one exchange, not of what was asked for. */
const NOT_STORED = new Set(['age', 'connection', 'transfer-encoding', 'x-envoy-upstream-service-time', 'set-cookie2'])
/** Describe the stored body, which an answer without one does not change (RFC 9111, 3.2). */
const OF_BODY = new Set(['content-length', 'content-encoding', 'content-type', 'content-range', 'etag', 'vary'])

export const ofResponse = (headers: HeaderMap): ResponseCacheControl =>
  responseCacheControl(headers.getAll(CACHE_CONTROL).join(','))

/** Unix ms; null: none, or none that can be read. */
function timeOf(headers: HeaderMap, name: HeaderName): number | null {
  const text = headers.get(name)
  const ms = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** Whether a response says long enough it may be used, or how to ask whether it still may. */
export function saysHowLong(headers: HeaderMap, { mustValidate, maxAge }: ResponseCacheControl): boolean {
  return mustValidate || maxAge !== null || headers.get(EXPIRES) !== undefined
}

export class StoredResponse {
  readonly status: number
  readonly fields: readonly (readonly [name: string, value: string])[]
  body: Buffer = NO_BYTES
  private readonly headBytes: number
  private readonly control: ResponseCacheControl
  private readonly receivedMs: number
  /** When it was received, in s. */
  private readonly initialAge: number
  private readonly lifetime: number
  private readonly etag: string | undefined
  private readonly lastModified: string | undefined

  /** `headers` as they are now: what others make of them on their way to the client is not stored. The body comes later. */
  constructor(headers: HeaderMap, receivedMs: number) {
    this.status = headers.status
    this.receivedMs = receivedMs
    this.control = ofResponse(headers)
    // As RFC 9110, 6.6.1 wants it: what has no date is from now.
    const dateMs = timeOf(headers, DATE) ?? receivedMs
    const age = Number(headers.get(AGE))
    this.initialAge = Math.max(0, (receivedMs - dateMs) / 1000, Number.isFinite(age) ? age : 0)
    const expiresMs = timeOf(headers, EXPIRES)
    this.lifetime = this.control.maxAge ?? (expiresMs === null ? 0 : Math.max(0, (expiresMs - dateMs) / 1000))
    this.etag = headers.get(ETAG)
    this.lastModified = headers.get(LAST_MODIFIED) ?? headers.get(DATE)
    const fields: (readonly [string, string])[] = []
    headers.forEach((name, value) => {
      if (!NOT_STORED.has(name)) fields.push([name, value])
    })
    this.fields = fields
    this.headBytes = fields.reduce((sum, [name, value]) => sum + 2 * (name.length + value.length) + 64, 0)
  }

  get bytes(): number {
    return this.headBytes + this.body.length
  }

  ageAt(nowMs: number): number {
    return Math.floor(this.initialAge + Math.max(0, nowMs - this.receivedMs) / 1000)
  }

  mayServe(asked: RequestCacheControl, nowMs: number): boolean {
    const { mustValidate, noStale } = this.control
    if (mustValidate || asked.mustValidate) return false
    const age = this.ageAt(nowMs)
    if (asked.maxAge !== null && age > asked.maxAge) return false
    if (asked.minFresh !== null && this.lifetime - age < asked.minFresh) return false
    if (age < this.lifetime) return true
    return !noStale && asked.maxStale !== null && age - this.lifetime <= asked.maxStale
  }

  /** What asks the origin whether this is still good; false: nothing can. */
  addConditions(request: HeaderMap, ifNoneMatch: HeaderName, ifModifiedSince: HeaderName): boolean {
    if (this.etag !== undefined) request.set(ifNoneMatch, this.etag)
    if (this.lastModified !== undefined) request.set(ifModifiedSince, this.lastModified)
    return this.etag !== undefined || this.lastModified !== undefined
  }

  /** An origin's 304 may be about something else. */
  isConfirmedBy(notModified: HeaderMap): boolean {
    const etag = notModified.get(ETAG)
    return etag === undefined || etag === this.etag
  }

  /** The same body under newer headers. */
  refreshedBy(notModified: HeaderMap, nowMs: number): StoredResponse {
    const headers = HeaderMap.acquire()
    headers.status = this.status
    const newer = new Set<string>()
    notModified.forEach(name => {
      if (!OF_BODY.has(name)) newer.add(name)
    })
    for (const [name, value] of this.fields) if (!newer.has(name)) headers.append(HeaderName.named(name), value)
    notModified.forEach((name, value) => {
      if (newer.has(name)) headers.append(HeaderName.named(name), value)
    })
    const refreshed = new StoredResponse(headers, nowMs)
    refreshed.body = this.body
    HeaderMap.release(headers)
    return refreshed
  }
}
