// One request and its tokens.
import {
  FilterContinue,
  FilterStop,
  FilterStopAndWatermark,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  originalUri,
} from '../../../http/index.ts'
import { Authenticator } from './authenticator.ts'
import type { JwksWaiter } from './jwks-source.ts'
import { JWT_STATS, type JwtPlan, type RoutePlan } from './plan.ts'
import { type Requirement, Waiting } from './requirement.ts'
import { JwtAudienceNotAllowed, JwtMissed, type JwtStatus } from './status.ts'

const ALLOWED = JWT_STATS.slot('allowed')
const DENIED = JWT_STATS.slot('denied')
const CORS_PREFLIGHT_BYPASSED = JWT_STATS.slot('cors_preflight_bypassed')

const WWW_AUTHENTICATE = HeaderName.of('www-authenticate')
const ORIGIN = HeaderName.of('origin')
const ACCESS_CONTROL_REQUEST_METHOD = HeaderName.of('access-control-request-method')
const METADATA = 'envoy.filters.http.jwt_authn'
const MAX_REALM_PATH = 256

export class JwtAuthn extends HttpFilter implements JwksWaiter {
  private readonly plan: JwtPlan
  private authenticator: Authenticator | null = null
  private requirement: Requirement | null = null
  private waiting = false

  constructor(plan: JwtPlan) {
    super()
    this.plan = plan
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { plan, callbacks } = this
    if (plan.bypassCorsPreflight && isPreflight(headers)) {
      plan.stats.cells[CORS_PREFLIGHT_BYPASSED]! += 1
      return this.pass()
    }
    const route = this.routePlan() as RoutePlan | null
    if (route?.disabled === true) return this.pass()
    if (route !== null && route.requirementName !== '') {
      const named = plan.named.get(route.requirementName)
      if (named === undefined) return this.refuseUnknown(route.requirementName)
      this.requirement = named
    } else this.requirement = plan.requirementFor(headers, callbacks.info)
    if (this.requirement === null) return this.pass()
    this.authenticator = new Authenticator(plan, headers, this, callbacks.info.startWallMs / 1000)
    return this.judge(headers)
  }

  private pass(): HttpFilterStatus {
    this.plan.stats.cells[ALLOWED]! += 1
    return FilterContinue
  }

  private judge(headers: HeaderMap): HttpFilterStatus {
    const authenticator = this.authenticator as Authenticator
    const outcome = (this.requirement as Requirement)(authenticator)
    if (outcome === Waiting) {
      this.waiting = true
      return FilterStopAndWatermark
    }
    this.waiting = false
    // Named before the tokens are taken out of it.
    const uri = outcome === null ? '' : originalUri(headers, MAX_REALM_PATH)
    const metadata: Record<string, unknown> = {}
    const reroute = authenticator.apply(metadata)
    this.tell(metadata)
    if (outcome !== null) {
      this.deny(uri, outcome)
      return FilterStop
    }
    this.plan.stats.cells[ALLOWED]! += 1
    if (reroute) this.callbacks.clearRouteCache()
    return FilterContinue
  }

  private tell(metadata: Readonly<Record<string, unknown>>): void {
    if (Object.keys(metadata).length === 0) return
    const all = (this.callbacks.info.dynamicMetadata ??= new Map())
    all.set(METADATA, { ...all.get(METADATA), ...metadata })
  }

  /** Keys have come, or will not come: everything is looked at again. */
  onJwks(): void {
    const { requestHeaders } = this.callbacks
    if (!this.waiting || requestHeaders === null) return
    this.authenticator?.reset()
    if (this.judge(requestHeaders) === FilterContinue) this.callbacks.continueDecoding(this)
  }

  private deny(uri: string, status: JwtStatus): void {
    const { plan, callbacks } = this
    plan.stats.cells[DENIED]! += 1
    const code = status === JwtAudienceNotAllowed ? 403 : 401
    const details = `jwt_authn_access_denied{${status.message.replaceAll(' ', '_')}}`
    if (plan.stripFailureResponse) {
      callbacks.sendLocalReply(code, '', details)
      return
    }
    const realm = `Bearer realm="${uri}"`
    const challenge = status === JwtMissed ? realm : `${realm}, error="invalid_token"`
    callbacks.sendLocalReply(code, status.message, details, reply => reply.append(WWW_AUTHENTICATE, challenge))
  }

  private refuseUnknown(name: string): HttpFilterStatus {
    this.plan.stats.cells[DENIED]! += 1
    const problem = `Wrong requirement_name: ${name}. It should be one of [${[...this.plan.named.keys()].join()}]`
    const details = `jwt_authn_access_denied{${problem.replaceAll(' ', '_')}}`
    this.callbacks.sendLocalReply(403, `Failed JWT authentication: ${problem}`, details)
    return FilterStop
  }

  override onDestroy(): void {
    this.waiting = false
    this.authenticator?.forgetWaiting()
    this.authenticator = null
  }
}

function isPreflight(headers: HeaderMap): boolean {
  return headers.method === 'OPTIONS' && headers.has(ORIGIN) && headers.has(ACCESS_CONTROL_REQUEST_METHOD)
}
