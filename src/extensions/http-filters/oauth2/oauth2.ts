// One request on its way past the login (Envoy: oauth2/filter.cc): passed through, signed out, the browser's return from
// the authorization server, logged in, or to be logged in.
import {
  FilterContinue,
  FilterStop,
  FilterStopAndWatermark,
  HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  LOCATION,
  type TokenAnswer,
} from '../../../http/index.ts'
import type { FormatContext, StatBlock } from '../../../observability/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { type Callback, flowCookie, validateCallback } from './callback.ts'
import {
  codeChallenge,
  csrfToken,
  decrypt,
  encrypt,
  isCodeVerifier,
  isSigned,
  newCodeVerifier,
  newFlowId,
} from './cookie-crypto.ts'
import { encodeState } from './login-state.ts'
import { OAUTH2_STATS, type OAuth2Plan } from './plan.ts'
import { isOfFlow, RequestCookies } from './request-cookies.ts'
import { Session } from './session.ts'
import type { TokenCallbacks } from './token-client.ts'
import { decryptTokenCookies, dropFlowCookies, dropTokenCookies } from './token-cookies.ts'
import { isAllowedUrl, parseAbsoluteUrl } from './urls.ts'

const slot = (name: string): number => OAUTH2_STATS.slot(name)
const ALLOW_FAILED = slot('oauth_allow_failed_passthrough')
const FAILURE = slot('oauth_failure')
const PASSTHROUGH = slot('oauth_passthrough')
const REFRESH_FAILURE = slot('oauth_refreshtoken_failure')
const REFRESH_SUCCESS = slot('oauth_refreshtoken_success')
const SUCCESS = slot('oauth_success')
const OVERSIZED = slot('oauth_token_cookie_oversized')
const UNAUTHORIZED = slot('oauth_unauthorized_rq')

const AUTHORIZATION = HeaderName.of('authorization')
const STATUS = HeaderName.of('x-envoy-oauth-status')
const FAILURE_REASON = HeaderName.of('x-envoy-oauth-failure-reason')
const FOUND = 302

export class OAuth2 extends HttpFilter implements TokenCallbacks {
  private readonly ownPlan: OAuth2Plan | null
  private readonly statPrefix: string
  private plan!: OAuth2Plan
  private stats!: StatBlock
  private headers: HeaderMap | null = null
  private cookies!: RequestCookies
  private callback: Callback | null = null
  private call: { cancel(): void } | null = null
  /** The tokens that the response brings to the browser. */
  private renewed: Session | null = null
  /** The answer came within the call that asked. */
  private inCall = false
  private goesOn = false

  constructor(plan: OAuth2Plan | null, statPrefix: string) {
    super()
    this.ownPlan = plan
    this.statPrefix = statPrefix
  }

  private get thread(): UpstreamThread {
    return this.callbacks.thread as UpstreamThread
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    // Nobody but this filter says these.
    headers.remove(STATUS)
    headers.remove(FAILURE_REASON)
    const routed = this.routePlan() as OAuth2Plan | null
    const plan = routed ?? this.ownPlan
    if (plan === null) return FilterContinue
    this.plan = plan
    this.stats = plan.statsOf(this.thread, routed === null ? this.statPrefix : '')
    if (plan.idTokenHeader !== null && plan.idTokenHeader !== AUTHORIZATION) headers.remove(plan.idTokenHeader)
    if (plan.passesThrough(headers)) {
      this.count(PASSTHROUGH)
      return FilterContinue
    }
    this.headers = headers
    this.cookies = new RequestCookies(headers)
    decryptTokenCookies(plan, this.cookies, this.thread, this.stats)
    // What a client says of itself is not checked by anybody.
    if (!plan.preservesAuthorization) headers.remove(AUTHORIZATION)
    const status = this.judge(headers)
    // A request that has been answered is gone, and its head belongs to somebody else.
    if (status === FilterContinue) this.cookies.write()
    return status
  }

  private judge(headers: HeaderMap): HttpFilterStatus {
    const { plan } = this
    const returns = plan.isCallback(headers.path)
    if (plan.isSignout(headers.path)) return this.signOut(headers)
    if (this.isLoggedIn(headers)) return returns ? this.sendBack() : this.admit()
    if (returns) return this.exchangeCode()
    if (plan.usesRefreshToken && this.cookies.get(plan.cookies.refresh.name) !== '') return this.refresh()
    if (plan.allowsFailure(headers)) {
      const reason = 'Unauthorized, and forwarding as unauthorized because OAuth failure is allowed'
      return this.passUnauthorized(`${reason}: ${headers.path}`)
    }
    if (plan.deniesRedirect(headers)) {
      return this.refuse(`Unauthorized, and redirecting to OAuth server is not allowed: ${headers.path}`)
    }
    return this.sendToLogin()
  }

  private isLoggedIn(headers: HeaderMap): boolean {
    const { plan, cookies } = this
    const names = plan.cookies
    const expires = cookies.get(names.expires.name)
    const idToken = cookies.get(names.idToken.name)
    const values = {
      domain: this.domain(headers),
      expires,
      accessToken: cookies.get(names.bearer.name),
      idToken,
      refreshToken: cookies.get(names.refresh.name),
    }
    if (!isSigned(plan.secret, values, cookies.get(names.hmac.name))) return false
    if (!/^\d{1,15}$/.test(expires) || Number(expires) * 1000 <= this.thread.clock.wallMs()) return false
    this.count(SUCCESS)
    this.forward(headers, values.accessToken, idToken)
    return true
  }

  /** What cookies are signed for. */
  private domain(headers: HeaderMap): string {
    return this.plan.cookieDomain === '' ? headers.authority : this.plan.cookieDomain
  }

  private forward(headers: HeaderMap, accessToken: string, idToken: string): void {
    const { plan } = this
    if (plan.forwardsBearerToken && accessToken !== '') headers.set(AUTHORIZATION, `Bearer ${accessToken}`)
    if (plan.idTokenHeader === null || idToken === '') return
    headers.set(plan.idTokenHeader, plan.idTokenHeader === AUTHORIZATION ? `Bearer ${idToken}` : idToken)
  }

  private admit(): HttpFilterStatus {
    dropFlowCookies(this.plan, this.cookies)
    return FilterContinue
  }

  // ---- to the authorization server and back

  private sendToLogin(): HttpFilterStatus {
    const { plan, callbacks } = this
    const headers = this.headers as HeaderMap
    const { secret, cookies } = plan
    const { runtime } = callbacks.thread
    const format = this.formatContext(headers)
    const scheme = headers.scheme === 'http' ? 'http' : 'https'
    const base = plan.originalUri === null ? `${scheme}://${headers.authority}` : plan.originalUri.format(format)
    if (!isAllowedUrl(base, plan.allowedDomains)) {
      return this.refuse(`authority or original_request_uri failed domain allow-list validation: ${base}`)
    }
    const redirectUri = plan.redirectUri.format(format)
    if (!isAllowedUrl(redirectUri, plan.allowedDomains)) {
      return this.refuse(`redirect_uri failed domain allow-list validation: ${redirectUri}`)
    }
    const flowId = newFlowId()
    const token = csrfToken(secret, flowId)
    const verifier = newCodeVerifier()
    const hidden = encrypt(verifier, secret, runtime.snapshot)
    const state = encodeState({ url: base + headers.path, csrfToken: token, flowId })
    const response = redirect()
    for (const name of [flowCookie(cookies.nonce.name, flowId), cookies.nonce.name]) {
      cookies.nonce.append(response, token, plan.csrfLifetimeS, name)
    }
    for (const name of [flowCookie(cookies.verifier.name, flowId), cookies.verifier.name]) {
      cookies.verifier.append(response, hidden, plan.verifierLifetimeS, name)
    }
    response.append(LOCATION, plan.endpoint.location({ redirectUri, state, challenge: codeChallenge(verifier) }))
    this.count(UNAUTHORIZED)
    return this.answer(response, 'oauth.missing_credentials')
  }

  private formatContext(headers: HeaderMap): FormatContext {
    return { requestHeaders: headers, responseHeaders: null, responseTrailers: null, info: this.callbacks.info }
  }

  /** A second answer of the authorization server, to somebody who is logged in by the first. */
  private sendBack(): HttpFilterStatus {
    const callback = this.validate()
    if (callback === null) return FilterStop
    const { path } = parseAbsoluteUrl(callback.url) as { readonly path: string }
    if (this.plan.isCallback(path)) {
      return this.refuse(`State url query params matches the redirect path matcher: ${path}`)
    }
    const response = redirect()
    response.append(LOCATION, callback.url)
    this.deleteFlowCookies(response)
    return this.answer(response, 'oauth.race_redirect')
  }

  private validate(): Callback | null {
    const callback = validateCallback(this.plan, (this.headers as HeaderMap).path, this.cookies)
    if (callback.flowId !== '' || callback.problem === null) this.callback = callback
    if (callback.problem === null) return callback
    this.refuse(callback.problem)
    return null
  }

  private exchangeCode(): HttpFilterStatus {
    const { plan, cookies, thread } = this
    const callback = this.validate()
    if (callback === null) return FilterStop
    const { name } = plan.cookies.verifier
    const hidden = cookies.get(flowCookie(name, callback.flowId)) || cookies.get(name)
    if (hidden === '') return this.refuse('Code verifier cookie is missing in the request')
    const verifier = decrypt(hidden, plan.secret, thread.runtime.snapshot)
    // Whoever sends cookies of his own making learns nothing of how they were wrong.
    if (verifier === null || !isCodeVerifier(verifier)) return this.refuse('Failed to decrypt code verifier')
    const redirectUri = plan.redirectUri.format(this.formatContext(this.headers as HeaderMap))
    this.inCall = true
    const call = plan.tokens.exchange(thread, callback.code, redirectUri, verifier, this)
    return this.wait(call)
  }

  private refresh(): HttpFilterStatus {
    const { plan, cookies, thread } = this
    this.inCall = true
    return this.wait(plan.tokens.refresh(thread, cookies.get(plan.cookies.refresh.name), this))
  }

  private wait(call: { cancel(): void }): HttpFilterStatus {
    const answered = !this.inCall
    this.inCall = false
    if (answered) return this.goesOn ? FilterContinue : FilterStop
    this.call = call
    return FilterStopAndWatermark
  }

  onTokenAnswer(answer: TokenAnswer): void {
    const inCall = this.inCall
    this.inCall = false
    this.call = null
    const status = this.callback === null ? this.onRefreshed(answer) : this.onExchanged(answer)
    this.goesOn = status === FilterContinue
    if (inCall || !this.goesOn) return
    this.cookies.write()
    this.callbacks.continueDecoding(this)
  }

  private onExchanged(answer: TokenAnswer): HttpFilterStatus {
    if ('reason' in answer) return this.refuse(withDetails(answer.reason, answer.details))
    const { thread, plan, cookies } = this
    const headers = this.headers as HeaderMap
    const session = new Session(plan, answer, this.domain(headers), thread.clock.wallMs())
    const response = redirect()
    if (!session.appendCookies(response, cookies, thread, this.stats)) {
      HeaderMap.release(response)
      return this.refuseOversized()
    }
    this.deleteFlowCookies(response)
    response.append(LOCATION, (this.callback as Callback).url)
    this.count(SUCCESS)
    return this.answer(response, 'oauth.logged_in')
  }

  private onRefreshed(answer: TokenAnswer): HttpFilterStatus {
    if ('reason' in answer) return this.onRefreshFailure()
    const { thread, plan, cookies } = this
    const headers = this.headers as HeaderMap
    const session = new Session(plan, answer, this.domain(headers), thread.clock.wallMs())
    session.keepRefreshToken(cookies.get(plan.cookies.refresh.name))
    if (!session.fits(thread)) return this.refuseOversized()
    session.updateRequest(cookies)
    this.forward(headers, session.accessToken, session.idToken)
    this.renewed = session
    this.count(REFRESH_SUCCESS)
    this.count(SUCCESS)
    return this.admit()
  }

  private onRefreshFailure(): HttpFilterStatus {
    const { plan } = this
    const headers = this.headers as HeaderMap
    this.count(REFRESH_FAILURE)
    if (plan.allowsFailure(headers)) {
      const reason =
        'Failed to refresh the access token, and forwarding as unauthorized because OAuth failure is allowed'
      return this.passUnauthorized(reason)
    }
    if (plan.deniesRedirect(headers)) {
      return this.refuse('Failed to refresh the access token, and redirecting to OAuth server is not allowed')
    }
    return this.sendToLogin()
  }

  // ---- ends

  private signOut(headers: HeaderMap): HttpFilterStatus {
    const { plan, cookies } = this
    const { hmac, bearer, idToken, refresh, expires, nonce, verifier } = plan.cookies
    const response = redirect()
    for (const cookie of [hmac, bearer, idToken, refresh, expires]) cookie.appendDeletion(response)
    for (const name of cookies.names()) {
      if (isOfFlow(name, nonce.name)) nonce.appendDeletion(response, name)
      else if (isOfFlow(name, verifier.name)) verifier.appendDeletion(response, name)
    }
    for (const cookie of [bearer, idToken, refresh]) {
      for (const name of cookies.chunksOf(cookie.name)) cookie.appendDeletion(response, name)
    }
    response.append(LOCATION, plan.logout.location(headers, this.callbacks.info, cookies.get(idToken.name)))
    return this.answer(response, 'oauth.sign_out')
  }

  private passUnauthorized(reason: string): HttpFilterStatus {
    const headers = this.headers as HeaderMap
    dropTokenCookies(this.plan, this.cookies)
    dropFlowCookies(this.plan, this.cookies)
    this.cookies.write()
    headers.set(STATUS, 'failed')
    headers.set(FAILURE_REASON, reason)
    this.count(ALLOW_FAILED)
    return FilterContinue
  }

  private deleteFlowCookies(response: HeaderMap): void {
    const flowId = this.callback?.flowId ?? ''
    for (const cookie of [this.plan.cookies.nonce, this.plan.cookies.verifier]) {
      if (flowId !== '') cookie.appendDeletion(response, flowCookie(cookie.name, flowId))
      cookie.appendDeletion(response)
    }
  }

  private answer(response: HeaderMap, details: string): HttpFilterStatus {
    this.callbacks.info.responseCodeDetails = details
    this.callbacks.encodeHeaders(response, true)
    return FilterStop
  }

  private refuse(details: string): HttpFilterStatus {
    this.count(FAILURE)
    const known = this.callback !== null && this.callback.flowId !== ''
    this.callbacks.sendLocalReply(401, 'OAuth flow failed.', details, reply => {
      if (known) this.deleteFlowCookies(reply)
    })
    return FilterStop
  }

  private refuseOversized(): HttpFilterStatus {
    this.count(FAILURE)
    this.count(OVERSIZED)
    this.callbacks.sendLocalReply(503, 'Service Unavailable', 'OAuth token exceeds the cookie chunk limit')
    return FilterStop
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { renewed } = this
    this.renewed = null
    renewed?.appendCookies(headers, this.cookies, this.thread, this.stats)
    return FilterContinue
  }

  override onDestroy(): void {
    this.call?.cancel()
    this.call = null
    this.headers = null
    this.renewed = null
  }

  private count(which: number): void {
    this.stats.cells[which]! += 1
  }
}

function redirect(): HeaderMap {
  const response = HeaderMap.acquire()
  response.status = FOUND
  return response
}

const withDetails = (reason: string, details: string): string => (details === '' ? reason : `${reason}: ${details}`)
