// What may be answered from the store, what may be put there, and under which key.
import type { CacheConfigJson } from '#api/envoy/extensions/filters/http/cache/v3/cache_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher } from '../../../config/index.ts'
import { type HeaderMap, HeaderName } from '../../../http/index.ts'
import { NOTHING_ASKED, type RequestCacheControl, requestCacheControl } from './cache-control.ts'
import { isVariance, ResponseStore, type Variance } from './response-store.ts'
import { ofResponse, StoredResponse, saysHowLong } from './stored-response.ts'

/** Per worker. */
const MAX_STORED_BYTES = 64 * 1024 * 1024
/** One response takes no more than a part of all. */
const MAX_BODY_BYTES = MAX_STORED_BYTES / 8

const AUTHORIZATION = HeaderName.of('authorization')
const CACHE_CONTROL = HeaderName.of('cache-control')
const PRAGMA = HeaderName.of('pragma')
const VARY = HeaderName.of('vary')
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'].map(name =>
  HeaderName.of(name),
)
/** As Envoy, but for 206: a part must not pass for the whole. */
const STORED_STATUS = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 451, 501])

export interface Prepared {
  readonly stored: StoredResponse
  readonly varies: readonly HeaderName[]
}

export class CachePlan {
  readonly maxBodyBytes: number
  readonly store = new ResponseStore(MAX_STORED_BYTES)
  private readonly ignoresRequestControl: boolean
  private generation = 0
  private readonly allowedVary: readonly ((name: string) => boolean)[]

  constructor(json: CacheConfigJson, context: CompileContext, path: ConfigPath) {
    this.maxBodyBytes = Math.min(json.maxBodyBytes || MAX_BODY_BYTES, MAX_BODY_BYTES)
    this.ignoresRequestControl = json.ignoreRequestCacheControlHeader === true
    const at = path.field('allowed_vary_headers')
    this.allowedVary = (json.allowedVaryHeaders ?? []).map((matcher, i) =>
      compileStringMatcher(matcher, context, at.index(i)),
    )
  }

  /** A request that the store has to do with; others pass. */
  concerns(headers: HeaderMap, endStream: boolean): boolean {
    const { method } = headers
    if (!endStream || (method !== 'GET' && method !== 'HEAD') || headers.authority === '') return false
    if (headers.has(AUTHORIZATION)) return false
    return !CONDITIONS.some(name => headers.has(name))
  }

  asked(headers: HeaderMap): RequestCacheControl {
    if (this.ignoresRequestControl) return NOTHING_ASKED
    const text = headers.has(CACHE_CONTROL) ? headers.getAll(CACHE_CONTROL).join(',') : undefined
    return requestCacheControl(text, headers.get(PRAGMA))
  }

  find(request: HeaderMap): StoredResponse | null {
    const key = keyOf(request)
    const item = this.store.get(key)
    if (item === null || !isVariance(item)) return item
    const varied = this.store.get(variedKey(key, item, request))
    return varied === null || isVariance(varied) ? null : varied
  }

  /** What is to be stored once its body is complete; null: nothing. */
  prepare(request: HeaderMap, response: HeaderMap, nowMs: number): Prepared | null {
    if (request.method !== 'GET' || !STORED_STATUS.has(response.status)) return null
    const control = ofResponse(response)
    if (control.noStore || !saysHowLong(response, control)) return null
    const varies = this.varianceOf(response)
    return varies === null ? null : { stored: new StoredResponse(response, nowMs), varies }
  }

  put(request: HeaderMap, { stored, varies }: Prepared): void {
    const key = keyOf(request)
    if (varies.length === 0) {
      this.store.put(key, stored)
      return
    }
    const known = this.store.get(key)
    const goesOn = known !== null && isVariance(known) && sameNames(known.varies, varies)
    const variance = goesOn ? known : { varies, generation: ++this.generation }
    this.store.put(key, variance)
    this.store.put(variedKey(key, variance, request), stored)
  }

  /** Nothing that is stored for this target is used any more. */
  forget(request: HeaderMap): void {
    this.store.remove(keyOf(request))
  }

  /** The same as `stored`, with newer headers. */
  refresh(request: HeaderMap, stored: StoredResponse): void {
    const key = keyOf(request)
    const item = this.store.get(key)
    this.store.put(item !== null && isVariance(item) ? variedKey(key, item, request) : key, stored)
  }

  /** The headers that a response depends on; null: on some that are not allowed. */
  private varianceOf(response: HeaderMap): readonly HeaderName[] | null {
    const names = response
      .getAll(VARY)
      .flatMap(line => line.split(','))
      .map(name => name.trim().toLowerCase())
      .filter(name => name !== '')
    const allowed = names.every(name => name !== '*' && this.allowedVary.some(matches => matches(name)))
    return allowed ? names.toSorted().map(name => HeaderName.named(name)) : null
  }
}

/** The parts cannot hold a line break. */
const keyOf = (request: HeaderMap): string => `${request.scheme}\n${request.authority.toLowerCase()}\n${request.path}`

const sameNames = (a: readonly HeaderName[], b: readonly HeaderName[]): boolean =>
  a.length === b.length && a.every((name, i) => name.text === b[i]?.text)

function variedKey(key: string, { varies, generation }: Variance, request: HeaderMap): string {
  const values = varies.map(name => `${name.text}:${request.has(name) ? request.getAll(name).join(',') : '\0'}`)
  return `${key}\n${generation}\n${values.join('\n')}`
}
