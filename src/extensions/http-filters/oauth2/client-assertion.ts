// PRIVATE_KEY_JWT (RFC 7523): the client signs who it is instead of sending a password.
import type {
  PrivateKeyJwtConfig_SigningAlgorithmJson,
  PrivateKeyJwtConfigJson,
} from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import { durationMs, type GenericSecret } from '../../../config/index.ts'

const DEFAULT_LIFETIME_MS = 60_000

export class ClientAssertion {
  private readonly algorithm: PrivateKeyJwtConfig_SigningAlgorithmJson
  private readonly lifetimeS: number
  private readonly audience: string
  private readonly clientId: string
  private readonly key: GenericSecret

  /** `audience`: where the configuration names none. */
  constructor(json: PrivateKeyJwtConfigJson, clientId: string, audience: string, key: GenericSecret) {
    this.algorithm = json.signingAlgorithm ?? 'RS256'
    this.lifetimeS = Math.trunc(durationMs(json.assertionLifetime, DEFAULT_LIFETIME_MS) / 1000)
    this.audience =
      json.assertionAudience === undefined || json.assertionAudience === '' ? audience : json.assertionAudience
    this.clientId = clientId
    this.key = key
  }

  create(nowS: number): string {
    const { randomUUID, sign } = process.getBuiltinModule('node:crypto')
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = {
      iss: this.clientId,
      sub: this.clientId,
      aud: this.audience,
      exp: nowS + this.lifetimeS,
      iat: nowS,
      nbf: nowS,
      jti: randomUUID(),
    }
    const text = `${part({ alg: this.algorithm, typ: 'JWT' })}.${part(claims)}`
    const hash = `sha${this.algorithm.slice(2)}`
    const signature = sign(hash, Buffer.from(text), {
      key: this.key.bytes.toString('latin1'),
      dsaEncoding: 'ieee-p1363',
    })
    return `${text}.${signature.toString('base64url')}`
  }
}

/** Why a key cannot sign with that algorithm; null: it can. */
export function signingKeyProblem(pem: Buffer, algorithm: PrivateKeyJwtConfig_SigningAlgorithmJson): string | null {
  const { createPrivateKey } = process.getBuiltinModule('node:crypto')
  try {
    const wanted = algorithm.startsWith('RS') ? 'rsa' : 'ec'
    const { asymmetricKeyType: type } = createPrivateKey(pem)
    return type === wanted ? null : `${algorithm} needs a key of type ${wanted}, this one is ${type}`
  } catch (error) {
    return `is no private key in PEM: ${(error as Error).message}`
  }
}
