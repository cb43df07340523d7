// The cookies of one request, as a list that can be changed and written back.
import { type HeaderMap, HeaderName, overwriteHeader } from '../../../http/index.ts'

const COOKIE = HeaderName.of('cookie')

export class RequestCookies {
  private readonly headers: HeaderMap
  /** The first of each name counts, the others are gone once anything is written back. */
  private readonly values = new Map<string, string>()
  private readonly chunks = new Map<string, readonly string[]>()
  private changed = false

  constructor(headers: HeaderMap) {
    this.headers = headers
    for (const line of headers.getAll(COOKIE)) {
      for (const pair of line.split(';')) {
        const equals = pair.indexOf('=')
        if (equals < 0) continue
        const name = pair.slice(0, equals).trim()
        if (!this.values.has(name)) this.values.set(name, unquoted(pair.slice(equals + 1).trim()))
      }
    }
  }

  /** '' when there is none. */
  get(name: string): string {
    return this.values.get(name) ?? ''
  }

  has(name: string): boolean {
    return this.values.has(name)
  }

  names(): Iterable<string> {
    return this.values.keys()
  }

  set(name: string, value: string): void {
    if (this.values.get(name) === value) return
    this.values.set(name, value)
    this.changed = true
  }

  delete(name: string): void {
    if (this.values.delete(name)) this.changed = true
  }

  /** The pieces in which the browser sent a token, as long as this request lasts. */
  noteChunks(token: string, names: readonly string[]): void {
    if (names.length > 0) this.chunks.set(token, names)
  }

  chunksOf(token: string): readonly string[] {
    return this.chunks.get(token) ?? []
  }

  /** Deletes the cookies of a login: by their name, and by their name with its id. */
  deleteFlow(base: string): void {
    for (const name of this.values.keys()) if (isOfFlow(name, base)) this.delete(name)
  }

  /** Puts the changes into the request's head. */
  write(): void {
    if (!this.changed) return
    this.changed = false
    if (this.values.size === 0) this.headers.remove(COOKIE)
    else
      overwriteHeader(this.headers, COOKIE, Array.from(this.values, ([name, value]) => `${name}=${value}`).join('; '))
  }
}

export const isOfFlow = (name: string, base: string): boolean => name === base || name.startsWith(`${base}.`)

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}
