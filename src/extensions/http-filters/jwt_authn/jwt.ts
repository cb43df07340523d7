// A token taken apart (RFC 7519), without judging it.
import { wireStruct } from '../../../base/index.ts'
import {
  AudNotString,
  HeaderBadAlg,
  HeaderBadBase64,
  HeaderBadJson,
  HeaderBadKid,
  HeaderUnknownAlg,
  IssNotString,
  JtiNotString,
  JwtBadFormat,
  type JwtStatus,
  notInteger,
  outOfRange,
  PayloadBadBase64,
  PayloadBadJson,
  SignatureBadBase64,
  SubNotString,
} from './status.ts'

export type Claims = Readonly<Record<string, unknown>>

export interface Jwt {
  readonly header: Claims
  readonly payload: Claims
  /** As it stands in the token. */
  readonly payloadText: string
  /** What is signed. */
  readonly signed: string
  readonly signature: Buffer
  readonly alg: string
  /** '' for none. */
  readonly kid: string
  readonly issuer: string
  readonly subject: string
  readonly audiences: readonly string[]
  /** Seconds since the epoch; 0: none. */
  readonly notBefore: number
  readonly expires: number
}

export const ALGORITHMS: ReadonlySet<string> = new Set([
  'ES256',
  'ES384',
  'ES512',
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
])

const BASE64URL = /^[A-Za-z0-9_-]*={0,2}$/

/** Null: it is none. Blanks count for nothing, as in Envoy. */
export function fromBase64Url(text: string): Buffer | null {
  const dense = text.replace(/[ \t]/g, '')
  if (!BASE64URL.test(dense) || dense.replace(/=+$/, '').length % 4 === 1) return null
  return Buffer.from(dense, 'base64url')
}

function objectOf(bytes: Buffer): Claims | null {
  try {
    const value: unknown = wireStruct(JSON.parse(bytes.toString('utf8')))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : null
  } catch {
    return null
  }
}

export function parseJwt(token: string): Jwt | JwtStatus {
  const parts = token.split('.')
  const [headerText = '', payloadText = '', signatureText = ''] = parts
  if (parts.length !== 3 || headerText === '' || payloadText === '' || signatureText === '') return JwtBadFormat
  const headerBytes = fromBase64Url(headerText)
  if (headerBytes === null) return HeaderBadBase64
  const header = objectOf(headerBytes)
  if (header === null) return HeaderBadJson
  const { alg, kid = '' } = header
  if (typeof alg !== 'string') return HeaderBadAlg
  if (!ALGORITHMS.has(alg)) return HeaderUnknownAlg
  if (typeof kid !== 'string') return HeaderBadKid
  const payloadBytes = fromBase64Url(payloadText)
  if (payloadBytes === null) return PayloadBadBase64
  const payload = objectOf(payloadBytes)
  if (payload === null) return PayloadBadJson
  const claims = readClaims(payload)
  if ('code' in claims) return claims
  const signature = fromBase64Url(signatureText)
  if (signature === null || signature.length === 0) return SignatureBadBase64
  return { header, payload, payloadText, signed: `${headerText}.${payloadText}`, signature, alg, kid, ...claims }
}

type KnownClaims = Pick<Jwt, 'issuer' | 'subject' | 'audiences' | 'notBefore' | 'expires'>

function readClaims(payload: Claims): KnownClaims | JwtStatus {
  const { iss = '', sub = '', jti = '', aud = [] } = payload
  if (typeof iss !== 'string') return IssNotString
  if (typeof sub !== 'string') return SubNotString
  for (const claim of ['iat', 'nbf', 'exp'] as const) {
    const problem = timeProblem(payload[claim], claim)
    if (problem !== null) return problem
  }
  if (typeof jti !== 'string') return JtiNotString
  const audiences = typeof aud === 'string' ? [aud] : aud
  if (!Array.isArray(audiences) || audiences.some(one => typeof one !== 'string')) return AudNotString
  const notBefore = (payload['nbf'] as number | undefined) ?? 0
  const expires = (payload['exp'] as number | undefined) ?? 0
  return { issuer: iss, subject: sub, audiences, notBefore, expires }
}

function timeProblem(value: unknown, claim: 'iat' | 'nbf' | 'exp'): JwtStatus | null {
  if (value === undefined) return null
  if (typeof value !== 'number') return notInteger(claim)
  return value < 0 || value > Number.MAX_SAFE_INTEGER ? outOfRange(claim) : null
}
