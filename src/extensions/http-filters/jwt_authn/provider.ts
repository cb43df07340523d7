// One issuer of tokens: its keys, what is asked of its tokens, and what is told of them.
import type { JwtProviderJson } from '#api/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  dataSourceText,
  durationMs,
  type StringPredicate,
} from '../../../config/index.ts'
import { type HeaderMap, HeaderName } from '../../../http/index.ts'
import { Jwks } from './jwks.ts'
import { type JwksSource, LocalJwks } from './jwks-source.ts'
import type { Claims, Jwt } from './jwt.ts'
import { RemoteJwks } from './remote-jwks.ts'
import {
  JwtAudienceNotAllowed,
  JwtExpired,
  JwtNotYetValid,
  type JwtStatus,
  JwtUnknownIssuer,
  JwtVerificationFail,
} from './status.ts'
import { TokenCache } from './token-cache.ts'
import { type TokenLocation, tokenLocations } from './token-location.ts'

const DEFAULT_CLOCK_SKEW_S = 60

export class Provider {
  readonly name: string
  /** '' for any. */
  readonly issuer: string
  readonly jwks: JwksSource
  readonly locations: readonly TokenLocation[]
  readonly audiences: ReadonlySet<string>
  readonly failedStatusKey: string
  readonly clearsRouteCache: boolean
  readonly forwardsToken: boolean
  /** Null: verified tokens are not kept. */
  readonly cache: TokenCache | null
  private readonly json: JwtProviderJson
  private readonly subjects: StringPredicate | null
  private readonly clockSkewS: number
  private readonly maxLifetimeS: number
  private readonly payloadHeader: HeaderName | null
  private readonly claimHeaders: readonly { readonly name: HeaderName; readonly path: readonly string[] }[]

  constructor(name: string, json: JwtProviderJson, context: CompileContext, path: ConfigPath) {
    this.name = name
    this.json = json
    this.issuer = json.issuer ?? ''
    this.jwks = compileJwks(json, context, path)
    this.locations = tokenLocations(json)
    this.audiences = audienceSet(json.audiences)
    this.failedStatusKey = json.failedStatusInMetadata ?? ''
    this.clearsRouteCache = json.clearRouteCache === true
    this.forwardsToken = json.forward === true
    this.cache = json.jwtCacheConfig === undefined ? null : new TokenCache(json.jwtCacheConfig)
    this.subjects =
      json.subjects === undefined ? null : compileStringMatcher(json.subjects, context, path.field('subjects'))
    this.clockSkewS =
      json.clockSkewSeconds === undefined || json.clockSkewSeconds === 0 ? DEFAULT_CLOCK_SKEW_S : json.clockSkewSeconds
    this.maxLifetimeS = json.maxLifetime === undefined ? -1 : durationMs(json.maxLifetime) / 1000
    const { forwardPayloadHeader = '' } = json
    this.payloadHeader = forwardPayloadHeader === '' ? null : HeaderName.of(forwardPayloadHeader)
    this.claimHeaders = (json.claimToHeaders ?? []).map(({ headerName = '', claimName = '', claimPath }) => ({
      name: HeaderName.of(headerName),
      path: claimPath === undefined ? claimName.split('.') : claimPath.map(({ key = '' }) => key),
    }))
  }

  /** What this provider tells is not for clients to say. */
  sanitize(headers: HeaderMap): void {
    if (this.payloadHeader !== null) headers.remove(this.payloadHeader)
    for (const { name } of this.claimHeaders) headers.remove(name)
  }

  /** Everything but the signature; null: fine. */
  check(jwt: Jwt, audiences: ReadonlySet<string>, nowS: number): JwtStatus | null {
    if (this.issuer !== '' && jwt.issuer !== this.issuer) return JwtUnknownIssuer
    if (nowS + this.clockSkewS < jwt.notBefore) return JwtNotYetValid
    if (jwt.expires !== 0 && nowS > jwt.expires + this.clockSkewS) return JwtExpired
    if (this.subjects !== null && !this.subjects(jwt.subject)) return JwtVerificationFail
    if (jwt.expires === 0 && (this.json.requireExpiration === true || this.maxLifetimeS >= 0))
      return JwtVerificationFail
    if (this.maxLifetimeS >= 0 && jwt.expires - nowS > this.maxLifetimeS) return JwtVerificationFail
    if (audiences.size > 0 && !jwt.audiences.some(one => audiences.has(plainAudience(one))))
      return JwtAudienceNotAllowed
    return null
  }

  /** The token is good: what is passed on of it. True: routes may look at what changed. */
  forward(jwt: Jwt, location: TokenLocation, headers: HeaderMap, metadata: Record<string, unknown>): boolean {
    const { json } = this
    let changed = false
    if (this.payloadHeader !== null) {
      const text = jwt.payloadText.replace(/=+$/, '')
      headers.append(this.payloadHeader, json.padForwardPayloadHeader === true ? padded(text) : text)
    }
    for (const { name, path } of this.claimHeaders) {
      const value = claimText(jwt.payload, path)
      if (value === null) continue
      headers.append(name, value)
      changed = true
    }
    if (!this.forwardsToken) location.remove(headers)
    if (json.payloadInMetadata !== undefined && json.payloadInMetadata !== '') {
      metadata[json.payloadInMetadata] = this.normalized(jwt.payload)
      changed = true
    }
    if (json.headerInMetadata !== undefined && json.headerInMetadata !== '') {
      metadata[json.headerInMetadata] = jwt.header
      changed = true
    }
    return changed
  }

  private normalized(payload: Claims): Claims {
    const names = this.json.normalizePayloadInMetadata?.spaceDelimitedClaims ?? []
    const copy: Record<string, unknown> = { ...payload }
    for (const name of names) {
      const value = copy[name]
      if (typeof value === 'string') copy[name] = value.split(' ').filter(part => part !== '')
    }
    return copy
  }
}

function padded(text: string): string {
  return text + '='.repeat((4 - (text.length % 4)) % 4)
}

/** Null: there is no such claim. Lists and objects go as base64 of their JSON. */
function claimText(payload: Claims, path: readonly string[]): string | null {
  let value: unknown = payload
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null
    value = (value as Record<string, unknown>)[key]
  }
  switch (typeof value) {
    case 'string':
      return value.replace(/[\0\r\n]/g, ' ')
    case 'number':
      return Number.isInteger(value) ? String(value) : value.toFixed(6)
    case 'boolean':
      return String(value)
    default:
      return value === null ? null : Buffer.from(JSON.stringify(value), 'latin1').toString('base64')
  }
}

export function audienceSet(audiences: readonly string[] | undefined): ReadonlySet<string> {
  return new Set((audiences ?? []).map(plainAudience))
}

/** 'https://api.test/' and 'http://api.test' are one audience. */
function plainAudience(audience: string): string {
  const plain = audience.replace(/^https?:\/\//, '')
  return plain === audience ? audience : plain.replace(/\/$/, '')
}

function compileJwks(json: JwtProviderJson, context: CompileContext, path: ConfigPath): JwksSource {
  if (json.remoteJwks !== undefined) return new RemoteJwks(json.remoteJwks, context, path.field('remote_jwks'))
  const at = path.field('local_jwks')
  if (json.localJwks === undefined) {
    context.diagnostics.error(path, 'a provider needs keys', { expected: 'local_jwks or remote_jwks' })
    return new LocalJwks(null)
  }
  const text = dataSourceText(json.localJwks, context, at)
  if (text === undefined) return new LocalJwks(null)
  const jwks = Jwks.parse(text)
  if (typeof jwks !== 'string') return new LocalJwks(jwks)
  context.diagnostics.error(at, `the key set ${jwks}`)
  return new LocalJwks(null)
}
