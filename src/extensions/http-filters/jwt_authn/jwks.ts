// A set of keys (RFC 7517), and whether one of them signed a token.
import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto'
import type { Jwt } from './jwt.ts'
import { fromBase64Url } from './jwt.ts'
import { JwksKidAlgMismatch, type JwtStatus, JwtVerificationFail } from './status.ts'

/** A key as it is written; anything may stand there. */
interface WebKey {
  readonly kty?: unknown
  readonly kid?: unknown
  readonly alg?: unknown
  readonly crv?: unknown
  readonly k?: unknown
  readonly certificate?: string
}

interface Key {
  /** '' for none: it may have signed anything. */
  readonly kid: string
  readonly alg: string
  readonly kind: 'RSA' | 'EC' | 'oct' | 'OKP'
  readonly curve: string
  readonly key: KeyObject
}

const HASHES: Readonly<Record<string, string>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' }
const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

export class Jwks {
  private readonly keys: readonly Key[]

  private constructor(keys: readonly Key[]) {
    this.keys = keys
  }

  /** A text with the reason where there is no usable key. Keys of other kinds are left out, as Envoy does. */
  static parse(text: string): Jwks | string {
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (error) {
      return `is no JSON: ${(error as Error).message}`
    }
    const entries = certificates(json) ?? (json as { keys?: unknown })?.keys
    if (!Array.isArray(entries)) return 'has no list of keys'
    const keys = entries.flatMap(entry => (typeof entry === 'object' && entry !== null ? keyOf(entry) : []))
    return keys.length === 0 ? 'has no key that can be used' : new Jwks(keys)
  }

  /** Null: one of the keys signed it. */
  verify(jwt: Jwt): JwtStatus | null {
    let candidates = 0
    for (const key of this.keys) {
      if (jwt.kid !== '' && key.kid !== '' && key.kid !== jwt.kid) continue
      if (key.alg !== '' && key.alg !== jwt.alg) continue
      candidates++
      if (signed(jwt, key)) return null
    }
    return candidates === 0 ? JwksKidAlgMismatch : JwtVerificationFail
  }
}

/** Google's form: an object of certificates by key id. */
function certificates(json: unknown): object[] | null {
  if (typeof json !== 'object' || json === null) return null
  const entries = Object.entries(json)
  const pem = (value: unknown): boolean => typeof value === 'string' && value.startsWith('-----BEGIN CERTIFICATE-----')
  if (entries.length === 0 || !entries.every(([, value]) => pem(value))) return null
  return entries.map(([kid, certificate]) => ({ kid, certificate }))
}

function keyOf(entry: object): readonly Key[] {
  const jwk = entry as WebKey
  const kid = typeof jwk.kid === 'string' ? jwk.kid : ''
  const alg = typeof jwk.alg === 'string' ? jwk.alg : ''
  try {
    if (jwk.certificate !== undefined) {
      return [{ kid, alg, kind: 'RSA', curve: '', key: new X509Certificate(jwk.certificate).publicKey }]
    }
    if (jwk.kty === 'oct') {
      const secret = fromBase64Url(String(jwk.k ?? ''))
      return secret === null || secret.length === 0
        ? []
        : [{ kid, alg, kind: 'oct', curve: '', key: createSecretKey(secret) }]
    }
    if (jwk.kty !== 'RSA' && jwk.kty !== 'EC' && jwk.kty !== 'OKP') return []
    const curve = typeof jwk.crv === 'string' ? jwk.crv : ''
    return [{ kid, alg, kind: jwk.kty, curve, key: createPublicKey({ key: jwk as object, format: 'jwk' }) }]
  } catch {
    return []
  }
}

/** The algorithm must be one of the key's own kind: a public key is no secret of an HMAC. */
function signed({ alg, signed: text, signature }: Jwt, { kind, curve, key }: Key): boolean {
  const hash = HASHES[alg.slice(2)] ?? ''
  const data = Buffer.from(text, 'latin1')
  switch (alg.slice(0, 2)) {
    case 'HS': {
      if (kind !== 'oct') return false
      const expected = createHmac(hash, key).update(data).digest()
      return expected.length === signature.length && timingSafeEqual(expected, signature)
    }
    case 'RS':
      return kind === 'RSA' && verify(hash, data, key, signature)
    case 'PS':
      return (
        kind === 'RSA' &&
        verify(
          hash,
          data,
          { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
          signature,
        )
      )
    case 'ES':
      return kind === 'EC' && curve === CURVES[alg] && verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature)
    default:
      return kind === 'OKP' && verify(null, data, key, signature)
  }
}
