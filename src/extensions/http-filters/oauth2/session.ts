// Fresh tokens, and the cookies that carry them.
import type { HeaderMap, OAuthTokens } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { encrypt, sign } from './cookie-crypto.ts'
import { OAUTH2_STATS, type OAuth2Plan } from './plan.ts'
import type { RequestCookies } from './request-cookies.ts'
import type { CookiePlan } from './set-cookie.ts'
import { jwtLifetimeS } from './token-lifetime.ts'

const CHUNKED = OAUTH2_STATS.slot('oauth_token_cookie_chunked')

interface Carried {
  readonly cookie: CookiePlan
  readonly token: string
  readonly lifetimeS: number
}

export class Session {
  readonly accessToken: string
  readonly idToken: string
  private refreshToken: string
  private readonly plan: OAuth2Plan
  private readonly domain: string
  private readonly lifetimeS: number
  private readonly nowS: number
  /** As cookies carry them. */
  private sealed: readonly string[] | null = null

  constructor(plan: OAuth2Plan, tokens: OAuthTokens, domain: string, nowMs: number) {
    this.plan = plan
    this.domain = domain
    this.lifetimeS = tokens.lifetimeS
    this.nowS = Math.trunc(nowMs / 1000)
    this.accessToken = plan.keepsAccessToken ? tokens.accessToken : ''
    this.idToken = plan.keepsIdToken ? tokens.idToken : ''
    this.refreshToken = plan.keepsRefreshToken ? tokens.refreshToken : ''
  }

  /** A server that gives no new one means the old one to stay. */
  keepRefreshToken(old: string): void {
    if (this.refreshToken === '') this.refreshToken = old
  }

  private get expires(): string {
    return String(this.nowS + this.lifetimeS)
  }

  private carried(): readonly Carried[] {
    const { plan, lifetimeS, nowS, idToken, refreshToken } = this
    const { bearer, idToken: idCookie, refresh } = plan.cookies
    const idLifetimeS = plan.idTokenLivesAsAccessToken ? lifetimeS : (jwtLifetimeS(idToken, nowS) ?? lifetimeS)
    const refreshLifetimeS = plan.usesRefreshToken
      ? (jwtLifetimeS(refreshToken, nowS) ?? plan.refreshTokenLifetimeS)
      : lifetimeS
    return [
      { cookie: bearer, token: this.accessToken, lifetimeS },
      { cookie: idCookie, token: idToken, lifetimeS: idLifetimeS },
      { cookie: refresh, token: refreshToken, lifetimeS: refreshLifetimeS },
    ]
  }

  private seal(thread: ThreadContext): readonly string[] {
    const { plan } = this
    this.sealed ??= this.carried().map(({ token }) =>
      plan.encrypts && token !== '' ? encrypt(token, plan.secret, thread.runtime.snapshot) : token,
    )
    return this.sealed
  }

  /** Whether all tokens find room in cookies. */
  fits(thread: ThreadContext): boolean {
    const { chunks } = this.plan
    if (chunks === null) return true
    const sealed = this.seal(thread)
    return this.carried().every(
      ({ cookie, lifetimeS }, i) => chunks.count(cookie, sealed[i] as string, cookie.tail(lifetimeS)) > 0,
    )
  }

  /** False, and nothing written: the tokens are too large. */
  appendCookies(response: HeaderMap, request: RequestCookies, thread: ThreadContext, stats: StatBlock): boolean {
    if (!this.fits(thread)) return false
    const { plan, domain, expires, accessToken, idToken, refreshToken, lifetimeS } = this
    const { hmac, expires: expiresCookie } = plan.cookies
    const signature = sign(plan.secret, { domain, expires, accessToken, idToken, refreshToken })
    hmac.append(response, signature, lifetimeS)
    expiresCookie.append(response, expires, lifetimeS)
    const sealed = this.seal(thread)
    this.carried().forEach((one, i) => {
      this.appendToken(one, sealed[i] as string, response, request, stats)
    })
    return true
  }

  private appendToken(
    { cookie, lifetimeS }: Carried,
    value: string,
    response: HeaderMap,
    request: RequestCookies,
    stats: StatBlock,
  ): void {
    const { chunks } = this.plan
    const count = value === '' || chunks === null ? 1 : chunks.count(cookie, value, cookie.tail(lifetimeS))
    for (const name of chunks?.stale(request, cookie.name, count) ?? []) cookie.appendDeletion(response, name)
    if (value === '') {
      if (request.has(cookie.name)) cookie.appendDeletion(response)
    } else if (count > 1) {
      stats.cells[CHUNKED]! += 1
      chunks?.append(cookie, response, value, lifetimeS, count)
    } else cookie.append(response, value, lifetimeS)
  }

  /** The origin sees the tokens as if they had been in the request. */
  updateRequest(cookies: RequestCookies): void {
    const { bearer, idToken } = this.plan.cookies
    if (this.accessToken !== '') cookies.set(bearer.name, this.accessToken)
    if (this.idToken !== '') cookies.set(idToken.name, this.idToken)
  }
}
