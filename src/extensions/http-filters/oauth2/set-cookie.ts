// Set-Cookie lines in Envoy's own notation.
import type { CookieConfigJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { type HeaderMap, HeaderName } from '../../../http/index.ts'

const SET_COOKIE = HeaderName.of('set-cookie')
const SAME_SITE = { DISABLED: '', STRICT: ';SameSite=Strict', LAX: ';SameSite=Lax', NONE: ';SameSite=None' } as const

/** One of the filter's cookies. */
export class CookiePlan {
  readonly name: string
  private readonly path: string
  private readonly domain: string
  private readonly attributes: string

  constructor(name: string, domain: string, { path = '', sameSite = 'DISABLED', partitioned }: CookieConfigJson) {
    this.name = name
    this.path = path === '' ? '/' : toWireText(path)
    this.domain = domain === '' ? '' : `;domain=${domain}`
    this.attributes = `${SAME_SITE[sameSite]}${partitioned === true ? ';Partitioned' : ''}`
  }

  /** What stands behind the value. */
  tail(maxAgeS: number): string {
    return `${this.domain};path=${this.path};Max-Age=${maxAgeS};secure;HttpOnly${this.attributes}`
  }

  append(headers: HeaderMap, value: string, maxAgeS: number, name = this.name): void {
    headers.append(SET_COOKIE, `${name}=${value}${this.tail(maxAgeS)}`)
  }

  /** Browsers take the deletion of a cookie with such a prefix only with the attribute that it was set with. */
  appendDeletion(headers: HeaderMap, name = this.name): void {
    const secure = name.startsWith('__Secure-') || name.startsWith('__Host-') ? '; Secure' : ''
    headers.append(
      SET_COOKIE,
      `${name}=deleted; path=${this.path}; expires=Thu, 01 Jan 1970 00:00:00 GMT${this.domain}${secure}`,
    )
  }
}
