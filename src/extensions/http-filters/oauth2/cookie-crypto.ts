// What makes cookies trustworthy, bit by bit as Envoy does it: cookies of one are good for the other.
import type { RuntimeSnapshot } from '../../../config/index.ts'

const crypto = process.getBuiltinModule('node:crypto')

const GCM_PREFIX = 'gcm.'
const GCM_IV_BYTES = 12
const GCM_TAG_BYTES = 16
const CBC_IV_BYTES = 16
const FLOW_ID_BYTES = 8
const VERIFIER_BYTES = 32
const USE_GCM = 'envoy.reloadable_features.oauth2_use_gcm_encryption'
const READ_CBC = 'envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat'

const keyOf = (secret: Buffer): Buffer => crypto.createHash('sha256').update(secret).digest()

/** Encrypts a latin1 text. */
export function encrypt(text: string, secret: Buffer, runtime: RuntimeSnapshot): string {
  const plain = Buffer.from(text, 'latin1')
  if (runtime.getBoolean(USE_GCM, false)) {
    const iv = crypto.randomBytes(GCM_IV_BYTES)
    const cipher = crypto.createCipheriv('aes-256-gcm', keyOf(secret), iv)
    const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    return GCM_PREFIX + sealed.toString('base64url')
  }
  const iv = crypto.randomBytes(CBC_IV_BYTES)
  const cipher = crypto.createCipheriv('aes-256-cbc', keyOf(secret), iv)
  return Buffer.concat([iv, cipher.update(plain), cipher.final()]).toString('base64url')
}

export const isLegacy = (encrypted: string): boolean => !encrypted.startsWith(GCM_PREFIX)

/** Null: it was not encrypted with this secret. */
export function decrypt(encrypted: string, secret: Buffer, runtime: RuntimeSnapshot): string | null {
  if (isLegacy(encrypted)) {
    if (!runtime.getBoolean(READ_CBC, true)) return null
    return decryptCbc(Buffer.from(encrypted, 'base64url'), keyOf(secret))
  }
  return decryptGcm(Buffer.from(encrypted.slice(GCM_PREFIX.length), 'base64url'), keyOf(secret))
}

function decryptCbc(sealed: Buffer, key: Buffer): string | null {
  const length = sealed.length - CBC_IV_BYTES
  // Anything else would have Node.js throw; what remains is wrong padding.
  if (length <= 0 || length % CBC_IV_BYTES !== 0) return null
  const decipher = crypto.createDecipheriv('aes-256-cbc', key, sealed.subarray(0, CBC_IV_BYTES)).setAutoPadding(false)
  const padded = Buffer.concat([decipher.update(sealed.subarray(CBC_IV_BYTES)), decipher.final()])
  const padding = padded[padded.length - 1] as number
  if (padding === 0 || padding > CBC_IV_BYTES) return null
  const end = padded.length - padding
  for (let i = end; i < padded.length; i++) if (padded[i] !== padding) return null
  return padded.latin1Slice(0, end)
}

function decryptGcm(sealed: Buffer, key: Buffer): string | null {
  if (sealed.length < GCM_IV_BYTES + GCM_TAG_BYTES) return null
  const tagAt = sealed.length - GCM_TAG_BYTES
  const decipher = crypto.createDecipheriv('aes-256-gcm', key, sealed.subarray(0, GCM_IV_BYTES), {
    authTagLength: GCM_TAG_BYTES,
  })
  decipher.setAuthTag(sealed.subarray(tagAt))
  try {
    const plain = Buffer.concat([decipher.update(sealed.subarray(GCM_IV_BYTES, tagAt)), decipher.final()])
    return plain.toString('latin1')
  } catch {
    // The only way in which Node.js tells that the tag does not fit.
    return null
  }
}

const hmac = (secret: Buffer, text: string): Buffer =>
  crypto.createHmac('sha256', secret).update(text, 'latin1').digest()

/** What stands in the cookies, in the order in which it is signed. */
export interface SignedValues {
  readonly domain: string
  readonly expires: string
  readonly accessToken: string
  readonly idToken: string
  readonly refreshToken: string
}

const signedText = ({ domain, expires, accessToken, idToken, refreshToken }: SignedValues): string =>
  [domain, expires, accessToken, idToken, refreshToken].join('\n')

export function sign(secret: Buffer, values: SignedValues): string {
  return hmac(secret, signedText(values)).toString('base64')
}

/** Envoy's former notation, the base64 of the hexadecimal digits, is good too. */
export function isSigned(secret: Buffer, values: SignedValues, signature: string): boolean {
  const digest = hmac(secret, signedText(values))
  const former = Buffer.from(digest.toString('hex')).toString('base64')
  return safeEqual(digest.toString('base64'), signature) || safeEqual(former, signature)
}

/** In a time that tells nothing of where they differ. */
export function safeEqual(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  return crypto.timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))
}

/** Names one login from its start to its end. */
export const newFlowId = (): string => crypto.randomBytes(FLOW_ID_BYTES).toString('hex')

export const csrfToken = (secret: Buffer, flowId: string): string =>
  `${flowId}.${hmac(secret, flowId).toString('base64')}`

export function isCsrfToken(secret: Buffer, token: string): boolean {
  const dot = token.indexOf('.')
  return dot >= 0 && safeEqual(csrfToken(secret, token.slice(0, dot)), token)
}

/** RFC 7636: the verifier, and the challenge made of it. */
export const newCodeVerifier = (): string => crypto.randomBytes(VERIFIER_BYTES).toString('base64url')
export const isCodeVerifier = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text)
export const codeChallenge = (verifier: string): string =>
  crypto.createHash('sha256').update(verifier).digest('base64url')
