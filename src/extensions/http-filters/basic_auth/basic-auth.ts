import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  originalUri,
  overwriteHeader,
} from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { Users } from './users.ts'

export const BASIC_AUTH_STATS = statTemplate({ counters: ['allowed', 'denied'] })
const ALLOWED = BASIC_AUTH_STATS.slot('allowed')
const DENIED = BASIC_AUTH_STATS.slot('denied')

const WWW_AUTHENTICATE = HeaderName.of('www-authenticate')
const SCHEME = 'Basic '
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const MAX_REALM_PATH = 256
const METADATA = 'envoy.filters.http.basic_auth'

export interface BasicAuthRoutePlan {
  readonly users: Users
  /** '': the requested URI. */
  readonly realm: string
}

export interface BasicAuthPlan extends BasicAuthRoutePlan {
  readonly credentialHeader: HeaderName
  readonly usernameHeader: HeaderName | null
  readonly allowMissing: boolean
  readonly emitsMetadata: boolean
  stats: StatBlock | null
}

export class BasicAuth extends HttpFilter {
  private readonly plan: BasicAuthPlan

  constructor(plan: BasicAuthPlan) {
    super()
    this.plan = plan
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { plan } = this
    const { users, realm } = (this.routePlan() as BasicAuthRoutePlan | null) ?? plan
    const credential = headers.get(plan.credentialHeader)
    if (credential === undefined) {
      if (plan.allowMissing) return FilterContinue
      return this.deny(headers, realm, 'Missing username and password.', 'no_credential_for_basic_auth')
    }
    if (!credential.startsWith(SCHEME)) {
      if (plan.allowMissing) return FilterContinue
      return this.deny(headers, realm, "Expected 'Basic' authentication scheme.", 'invalid_scheme_for_basic_auth')
    }
    const encoded = credential.slice(SCHEME.length)
    const decoded = BASE64.test(encoded) ? Buffer.from(encoded, 'base64').toString('latin1') : ''
    const colon = decoded.indexOf(':')
    if (colon < 0) {
      return this.deny(headers, realm, 'Invalid basic credential format.', 'invalid_format_for_basic_auth')
    }
    const user = decoded.slice(0, colon)
    if (!users.accepts(user, decoded.slice(colon + 1))) {
      return this.deny(headers, realm, 'Invalid username/password combination.', 'invalid_credential_for_basic_auth')
    }
    this.accept(headers, user)
    return FilterContinue
  }

  private accept(headers: HeaderMap, user: string): void {
    const { plan, callbacks } = this
    if (plan.usernameHeader !== null) overwriteHeader(headers, plan.usernameHeader, user)
    if (plan.emitsMetadata) (callbacks.info.dynamicMetadata ??= new Map()).set(METADATA, { username: user })
    if (plan.stats !== null) plan.stats.cells[ALLOWED]! += 1
  }

  private deny(headers: HeaderMap, realm: string, reason: string, details: string): HttpFilterStatus {
    const { stats } = this.plan
    if (stats !== null) stats.cells[DENIED]! += 1
    const named = realm === '' ? originalUri(headers, MAX_REALM_PATH) : realm
    this.callbacks.sendLocalReply(401, `User authentication failed. ${reason}`, details, reply =>
      reply.append(WWW_AUTHENTICATE, `Basic realm="${named}"`),
    )
    return FilterStop
  }
}
