// The tokens of one request. Nothing is changed before the outcome is known, so it may be asked again when keys have come.
import type { HeaderMap } from '../../../http/index.ts'
import type { JwksWaiter } from './jwks-source.ts'
import { type Jwt, parseJwt } from './jwt.ts'
import { JWT_STATS, type JwtPlan } from './plan.ts'
import type { Provider } from './provider.ts'
import { type Outcome, type Verifier, Waiting } from './requirement.ts'
import { JwksFetchFail, JwtMissed, type JwtStatus, JwtUnknownIssuer } from './status.ts'
import type { TokenLocation } from './token-location.ts'

const CACHE_MISS = JWT_STATS.slot('jwt_cache_miss')

interface Good {
  readonly provider: Provider
  readonly jwt: Jwt
  readonly location: TokenLocation
}

export class Authenticator implements Verifier {
  private readonly plan: JwtPlan
  private readonly headers: HeaderMap
  private readonly waiter: JwksWaiter
  private readonly nowS: number
  private good: Good[] = []
  private readonly failures = new Map<string, JwtStatus>()
  private readonly asked = new Set<Provider>()

  constructor(plan: JwtPlan, headers: HeaderMap, waiter: JwksWaiter, nowS: number) {
    this.plan = plan
    this.headers = headers
    this.waiter = waiter
    this.nowS = nowS
  }

  verify(provider: Provider, audiences: ReadonlySet<string>): Outcome {
    this.asked.add(provider)
    const outcome = this.verifyTokens(provider, audiences)
    if (provider.failedStatusKey !== '' && outcome !== null && outcome !== Waiting) {
      this.failures.set(provider.failedStatusKey, outcome)
    }
    return outcome
  }

  private verifyTokens(provider: Provider, audiences: ReadonlySet<string>): Outcome {
    const good: Good[] = []
    // As Envoy: the last place first.
    for (const location of provider.locations.toReversed()) {
      const token = location.read(this.headers)
      if (token === null || token === '') continue
      this.plan.stats.cells[CACHE_MISS]! += 1
      const jwt = parseJwt(token)
      if ('code' in jwt) return jwt
      const problem = this.judge(jwt, provider, audiences)
      if (problem !== null) return problem
      good.push({ provider, jwt, location })
    }
    if (good.length === 0) return JwtMissed
    this.good.push(...good)
    return null
  }

  private judge(jwt: Jwt, provider: Provider, audiences: ReadonlySet<string>): Outcome {
    const problem = provider.check(jwt, audiences, this.nowS)
    if (problem !== null) return problem
    const jwks = provider.jwks.get(this.waiter)
    if (jwks !== null) return jwks.verify(jwt)
    return provider.jwks.isWaiting ? Waiting : JwksFetchFail
  }

  verifyAny(): Outcome {
    let found = false
    const seen = new Set<string>()
    for (const provider of this.plan.providers.values()) {
      this.asked.add(provider)
      for (const location of provider.locations) {
        const token = location.read(this.headers)
        if (token === null || token === '' || seen.has(token)) continue
        seen.add(token)
        found = true
        const outcome = this.verifyForeign(token, location)
        if (outcome !== null) return outcome
      }
    }
    return found ? null : JwtMissed
  }

  /** A token of whoever says so in `iss`. */
  private verifyForeign(token: string, location: TokenLocation): Outcome {
    const jwt = parseJwt(token)
    if ('code' in jwt) return jwt
    for (const provider of this.plan.providers.values()) {
      if (provider.issuer !== '' && provider.issuer !== jwt.issuer) continue
      const outcome = this.judge(jwt, provider, provider.audiences)
      if (outcome === null) this.good.push({ provider, jwt, location })
      return outcome
    }
    return JwtUnknownIssuer
  }

  /** Begins anew. */
  reset(): void {
    this.good = []
    this.failures.clear()
  }

  /** What clients may not say themselves goes; what good tokens say comes. True: routes may change. */
  apply(metadata: Record<string, unknown>): boolean {
    for (const provider of this.asked) provider.sanitize(this.headers)
    let reroute = false
    for (const { provider, jwt, location } of this.good) {
      const changed = provider.forward(jwt, location, this.headers, metadata)
      if (changed && provider.clearsRouteCache) reroute = true
    }
    for (const [key, { code, message }] of this.failures) metadata[key] = { code, message }
    return reroute
  }

  forgetWaiting(): void {
    for (const provider of this.plan.providers.values()) provider.jwks.forget(this.waiter)
  }
}
