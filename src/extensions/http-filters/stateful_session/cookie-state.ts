// HOT FILE (docs/hot-path.md): the address travels in a cookie.
import type { CookieBasedSessionStateJson } from '#api/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { declareSupport, durationMs, type ExtensionFactory } from '../../../config/index.ts'
import { cookieValue, type HeaderMap, HeaderName } from '../../../http/index.ts'
import { decodeCookie, encodeCookie } from './cookie-value.ts'
import type { SessionState } from './session-state.ts'

const TYPE = 'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState'

declareSupport(TYPE, { supported: ['cookie'] })
declareSupport('envoy.type.http.v3.Cookie', { supported: ['name', 'ttl', 'path', 'attributes'] })
declareSupport('envoy.type.http.v3.CookieAttribute', { supported: ['name', 'value'] })

const SET_COOKIE = HeaderName.of('set-cookie')

class CookieState implements SessionState {
  private readonly name: string
  private readonly path: string
  private readonly ttlS: number
  /** What stands behind the value. */
  private readonly attributes: string

  constructor({ cookie = {} }: CookieBasedSessionStateJson) {
    this.name = toWireText(cookie.name ?? '')
    this.path = toWireText(cookie.path ?? '')
    this.ttlS = Math.trunc(durationMs(cookie.ttl, 0) / 1000)
    const own = (cookie.attributes ?? []).map(({ name = '', value = '' }) => (value === '' ? name : `${name}=${value}`))
    this.attributes = [
      ...(this.ttlS > 0 ? [`Max-Age=${this.ttlS}`] : []),
      ...(this.path === '' ? [] : [`Path=${this.path}`]),
      ...own.map(toWireText),
      'HttpOnly',
    ].join('; ')
  }

  /** The cookie belongs to `path` and what stands below it. */
  private covers(path: string): boolean {
    if (this.path === '' || this.path === '/') return true
    if (!path.startsWith(this.path)) return false
    if (path.length === this.path.length || this.path.endsWith('/')) return true
    return '/?#'.includes(path[this.path.length]!)
  }

  read(headers: HeaderMap, nowWallMs: number): string | null {
    if (!this.covers(headers.path)) return null
    const value = cookieValue(headers, this.name)
    return value === undefined ? null : decodeCookie(value, nowWallMs / 1000)
  }

  write(response: HeaderMap, path: string, address: string, asked: string | null, nowWallMs: number): void {
    if (address === asked || !this.covers(path)) return
    const expiresS = this.ttlS === 0 ? 0 : Math.trunc(nowWallMs / 1000) + this.ttlS
    response.append(SET_COOKIE, `${this.name}="${encodeCookie(address, expiresS)}"; ${this.attributes}`)
  }
}

export const cookieSessionStateFactory: ExtensionFactory<SessionState> = {
  name: 'envoy.http.stateful_session.cookie',
  category: 'envoy.http.stateful_session',
  typeNames: [TYPE],
  compile: config => new CookieState(config as CookieBasedSessionStateJson),
}
