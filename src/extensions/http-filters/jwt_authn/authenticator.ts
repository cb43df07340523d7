// The tokens of one request. Nothing is changed before the outcome is known, so it may be asked again when keys have come.
import { type HeaderMap, HeaderName } from '../../../http/index.ts'
import type { JwksWaiter } from './jwks-source.ts'
import { type Jwt, parseJwt } from './jwt.ts'
import { JWT_STATS, type JwtPlan } from './plan.ts'
import type { Provider } from './provider.ts'
import { type Outcome, type Verifier, Waiting } from './requirement.ts'
import { JwksFetchFail, JwtMissed, type JwtStatus, JwtUnknownIssuer } from './status.ts'
import type { SharedLocation, TokenLocation } from './token-location.ts'

const SIGNATURE_VERIFIED = HeaderName.of('x-jwt-signature-verified')
const CACHE_HIT = JWT_STATS.slot('jwt_cache_hit')
const CACHE_MISS = JWT_STATS.slot('jwt_cache_miss')

type Audiences = ReadonlySet<string>

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
  /** Tokens are counted already: keys have come. */
  private isAgain = false
  /** A token that is not good passes. */
  private isUnverified = false
  /** The signature of the last token was known already. */
  private wasKept = false

  constructor(plan: JwtPlan, headers: HeaderMap, waiter: JwksWaiter, nowS: number) {
    this.plan = plan
    this.headers = headers
    this.waiter = waiter
    this.nowS = nowS
  }

  verify(provider: Provider, audiences: Audiences): Outcome {
    this.asked.add(provider)
    let found = false
    for (const location of provider.locations) {
      const token = location.read(this.headers)
      if (token === null) continue
      found = true
      const outcome = this.verifyOne(token, location, provider, audiences)
      if (outcome !== null) return outcome
    }
    if (found) return null
    this.note(this.plan.onlyProvider, JwtMissed)
    return JwtMissed
  }

  private verifyOne(token: string, location: TokenLocation, provider: Provider, audiences: Audiences): Outcome {
    const jwt = parseJwt(token)
    this.wasKept = false
    const outcome = 'code' in jwt ? jwt : this.judge(token, jwt, location, provider, audiences)
    if (!this.isAgain) this.plan.stats.cells[this.wasKept ? CACHE_HIT : CACHE_MISS]! += 1
    return this.note(provider, outcome)
  }

  verifyAny(): Outcome {
    for (const provider of this.plan.providers.values()) this.asked.add(provider)
    let last: Outcome = JwtMissed
    let found = false
    for (const shared of this.plan.locations) {
      const token = this.isTaken(shared.location) ? null : shared.location.read(this.headers)
      if (token === null) continue
      found = true
      last = this.verifyForeign(token, shared)
      if (last === Waiting) return Waiting
    }
    if (!found) this.note(this.plan.onlyProvider, JwtMissed)
    return last
  }

  markUnverified(): void {
    this.isUnverified = true
  }

  /** A token that another requirement took out of the request is there no more, as in Envoy. */
  private isTaken({ key }: TokenLocation): boolean {
    return this.good.some(({ provider, location }) => location.key === key && !provider.forwardsToken)
  }

  /** A token of whoever says so in `iss`. */
  private verifyForeign(token: string, { location, issuers }: SharedLocation): Outcome {
    const jwt = parseJwt(token)
    if ('code' in jwt) return this.note(this.plan.onlyProvider, jwt)
    const { issuer } = jwt
    const provider = issuers === null || issuers.has(issuer) ? this.plan.providerOf(issuer) : undefined
    if (provider === undefined) return this.note(this.plan.onlyProvider, JwtUnknownIssuer)
    return this.note(provider, this.judge(token, jwt, location, provider, provider.audiences))
  }

  private judge(token: string, jwt: Jwt, location: TokenLocation, provider: Provider, audiences: Audiences): Outcome {
    const outcome = provider.check(jwt, audiences, this.nowS) ?? this.checkSignature(token, jwt, provider)
    if (outcome === null) this.accept(provider, jwt, location)
    return outcome
  }

  private checkSignature(token: string, jwt: Jwt, { jwks: source, cache }: Provider): Outcome {
    const jwks = source.get(this.waiter)
    if (jwks === null) return source.isWaiting ? Waiting : JwksFetchFail
    this.wasKept = cache?.has(token, jwks) === true
    if (this.wasKept) return null
    const outcome = jwks.verify(jwt)
    if (outcome === null) cache?.add(token, jwks)
    return outcome
  }

  /** What several requirements find good is told once. */
  private accept(provider: Provider, jwt: Jwt, location: TokenLocation): void {
    const known = this.good.some(good => good.provider === provider && good.location.key === location.key)
    if (!known) this.good.push({ provider, jwt, location })
  }

  private note<O extends Outcome>(provider: Provider | null, outcome: O): O {
    if (provider !== null && provider.failedStatusKey !== '' && outcome !== null && outcome !== Waiting) {
      this.failures.set(provider.failedStatusKey, outcome as JwtStatus)
    }
    return outcome
  }

  /** Begins anew. */
  reset(): void {
    this.good = []
    this.failures.clear()
    this.isUnverified = false
    this.isAgain = true
  }

  /** What clients may not say themselves goes; what good tokens say comes. True: routes may change. */
  apply(metadata: Record<string, unknown>): boolean {
    for (const provider of this.asked) provider.sanitize(this.headers)
    if (this.isUnverified) this.headers.set(SIGNATURE_VERIFIED, 'false')
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
