// A token too large for one cookie: NAME_0, NAME_1, ... and NAME_chunks, their number.
import type { TokenCookieChunkingJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import type { HeaderMap } from '../../../http/index.ts'
import type { RequestCookies } from './request-cookies.ts'
import type { CookiePlan } from './set-cookie.ts'

const DEFAULT_MAX_COOKIE_BYTES = 4096
const DEFAULT_MAX_CHUNKS = 16
/** The longest: every chunk leaves room for it. */
const LONGEST_INDEX = '_15'

const countName = (name: string): string => `${name}_chunks`
const chunkName = (name: string, index: number): string => `${name}_${index}`

export class TokenChunks {
  private readonly maxCookieBytes: number
  private readonly maxChunks: number

  constructor({ maxCookieSize, maxChunks }: TokenCookieChunkingJson) {
    this.maxCookieBytes = maxCookieSize ?? DEFAULT_MAX_COOKIE_BYTES
    this.maxChunks = maxChunks ?? DEFAULT_MAX_CHUNKS
  }

  /** How many cookies the value takes; 0: more than there may be. */
  count({ name }: CookiePlan, value: string, tail: string): number {
    if (name.length + 1 + value.length + tail.length <= this.maxCookieBytes) return 1
    const count = Math.ceil(value.length / this.room(name, tail))
    return count > this.maxChunks ? 0 : count
  }

  private room(name: string, tail: string): number {
    return Math.max(this.maxCookieBytes - name.length - LONGEST_INDEX.length - 1 - tail.length, 1)
  }

  append(cookie: CookiePlan, headers: HeaderMap, value: string, maxAgeS: number, count: number): void {
    const room = this.room(cookie.name, cookie.tail(maxAgeS))
    for (let i = 0; i < count; i++) {
      cookie.append(headers, value.slice(i * room, (i + 1) * room), maxAgeS, chunkName(cookie.name, i))
    }
    cookie.append(headers, String(count), maxAgeS, countName(cookie.name))
  }

  /** Puts the chunks of a request together as one cookie. False: some are missing, and all of them are gone; null: none. */
  reassemble(cookies: RequestCookies, name: string): boolean | null {
    const said = cookies.get(countName(name))
    if (said === '') return null
    const count = /^\d{1,2}$/.test(said) ? Number(said) : 0
    let value: string | null = count >= 2 && count <= this.maxChunks ? '' : null
    for (let i = 0; value !== null && i < count; i++) {
      const chunk = cookies.get(chunkName(name, i))
      value = chunk === '' ? null : value + chunk
    }
    // Nobody knows how many the browser has where they do not fit together.
    const names = chunkNames(name, value === null ? DEFAULT_MAX_CHUNKS : count)
    cookies.noteChunks(name, names)
    for (const chunk of names) cookies.delete(chunk)
    if (value === null) cookies.delete(name)
    else cookies.set(name, value)
    return value !== null
  }

  /** Those of the browser's chunks that a token in `count` pieces leaves over. */
  stale(cookies: RequestCookies, name: string, count: number): readonly string[] {
    const names = cookies.chunksOf(name)
    if (count < 2) return names
    const kept = new Set(chunkNames(name, count))
    return names.filter(one => !kept.has(one))
  }
}

/** The count first. */
function chunkNames(name: string, count: number): readonly string[] {
  return [countName(name), ...Array.from({ length: count }, (_, i) => chunkName(name, i))]
}
