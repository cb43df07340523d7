// HOT FILE (docs/hot-path.md): cross-origin requests: preflights are answered here, other responses get their headers.
import {
  FilterContinue,
  FilterStop,
  HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  ROUTE_CORS_POLICY,
  type Route,
} from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import { allowsOrigin, type CorsPolicies, type CorsPolicy, flagOf, textOf } from './policy.ts'

export const CORS_STATS = statTemplate({ counters: ['origin_valid', 'origin_invalid'] })
const VALID = CORS_STATS.slot('origin_valid')
const INVALID = CORS_STATS.slot('origin_invalid')

const ORIGIN = HeaderName.of('origin')
const REQUEST_METHOD = HeaderName.of('access-control-request-method')
const REQUEST_HEADERS = HeaderName.of('access-control-request-headers')
const REQUEST_PRIVATE_NETWORK = HeaderName.of('access-control-request-private-network')
const ALLOW_ORIGIN = HeaderName.of('access-control-allow-origin')
const ALLOW_CREDENTIALS = HeaderName.of('access-control-allow-credentials')
const ALLOW_METHODS = HeaderName.of('access-control-allow-methods')
const ALLOW_HEADERS = HeaderName.of('access-control-allow-headers')
const ALLOW_PRIVATE_NETWORK = HeaderName.of('access-control-allow-private-network')
const EXPOSE_HEADERS = HeaderName.of('access-control-expose-headers')
const MAX_AGE = HeaderName.of('access-control-max-age')

export class CorsFilter extends HttpFilter {
  private readonly stats: StatBlock
  private policies: CorsPolicies | null = null
  /** The request's origin, where the response is to name it; '' otherwise. */
  private origin = ''

  constructor(stats: StatBlock) {
    super()
    this.stats = stats
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const origin = headers.get(ORIGIN)
    if (origin === undefined || origin === '') return FilterContinue
    const { route, thread } = this.callbacks
    if (route?.kind !== 'cluster') return FilterContinue
    const policies = this.policiesOf(route)
    if (policies === null || policies.length === 0) return FilterContinue
    const nearest = policies[policies.length - 1] as CorsPolicy
    const enabled = nearest.enabled(thread)
    if (!enabled && !nearest.shadows(thread)) return FilterContinue
    const allowed = allowsOrigin(policies, origin)
    this.stats.cells[allowed ? VALID : INVALID]! += 1
    if (!enabled) return FilterContinue
    this.policies = policies
    if (allowed) this.origin = origin
    if (headers.method !== 'OPTIONS' || (headers.get(REQUEST_METHOD) ?? '') === '') return FilterContinue
    if (!allowed && flagOf(policies, 'forwardsOthers', true)) return FilterContinue
    this.answerPreflight(headers, policies)
    return FilterStop
  }

  /** As Envoy: the deprecated cors fields count where no typed_per_filter_config says anything. */
  private policiesOf(route: Route): CorsPolicies | null {
    const plans = this.routePlans()
    if (plans !== null && plans.length > 0) return plans as CorsPolicies
    return (route.perFilterConfig(ROUTE_CORS_POLICY)?.levels as CorsPolicies | undefined) ?? null
  }

  private answerPreflight(headers: HeaderMap, policies: CorsPolicies): void {
    const response = HeaderMap.acquire()
    response.status = 200
    if (this.origin !== '') response.append(ALLOW_ORIGIN, this.origin)
    if (flagOf(policies, 'credentials', false)) response.append(ALLOW_CREDENTIALS, 'true')
    const methods = textOf(policies, 'methods')
    if (methods !== '') response.append(ALLOW_METHODS, methods === '*' ? headers.get(REQUEST_METHOD)! : methods)
    const allowed = textOf(policies, 'headers')
    if (allowed !== '') response.append(ALLOW_HEADERS, allowed === '*' ? (headers.get(REQUEST_HEADERS) ?? '') : allowed)
    const maxAge = textOf(policies, 'maxAge')
    if (maxAge !== '') response.append(MAX_AGE, maxAge)
    if (flagOf(policies, 'privateNetwork', false) && headers.get(REQUEST_PRIVATE_NETWORK) === 'true') {
      response.append(ALLOW_PRIVATE_NETWORK, 'true')
    }
    this.callbacks.info.responseCodeDetails = 'cors_response'
    this.callbacks.encodeHeaders(response, true)
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { policies, origin } = this
    if (policies === null || origin === '') return FilterContinue
    headers.set(ALLOW_ORIGIN, origin)
    if (flagOf(policies, 'credentials', false)) headers.set(ALLOW_CREDENTIALS, 'true')
    const exposed = textOf(policies, 'exposed')
    if (exposed !== '') headers.set(EXPOSE_HEADERS, exposed)
    return FilterContinue
  }
}
