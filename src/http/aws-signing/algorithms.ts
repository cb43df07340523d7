// SigV4 and SigV4A: from a credential's secret to a signature.
import { createECDH, createHmac, createPrivateKey, hash, type KeyObject, sign } from 'node:crypto'

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** '' for long-lived ones. */
  readonly sessionToken: string
}

/** What a signature is made for. */
export interface SigningScope {
  /** YYYYMMDD */
  readonly day: string
  readonly region: string
  readonly service: string
}

export interface SigningAlgorithm {
  readonly name: string
  /** The regions are told in a field of their own. */
  readonly hasRegionSet: boolean
  scopeText(scope: SigningScope): string
  /** As hex. */
  sign(text: string, credentials: AwsCredentials, scope: SigningScope): string
}

export const sha256 = (text: string): string => hash('sha256', Buffer.from(text, 'latin1'), 'hex')

const hmac = (key: Buffer | string, text: string | Buffer): Buffer => createHmac('sha256', key).update(text).digest()

/** One key serves for a day. */
export class SigV4 implements SigningAlgorithm {
  readonly name = 'AWS4-HMAC-SHA256'
  readonly hasRegionSet = false
  private key: Buffer = Buffer.alloc(0)
  private keyOf = ''

  scopeText({ day, region, service }: SigningScope): string {
    return `${day}/${region}/${service}/aws4_request`
  }

  sign(text: string, { secretAccessKey }: AwsCredentials, scope: SigningScope): string {
    const keyOf = `${secretAccessKey}\n${this.scopeText(scope)}`
    if (this.keyOf !== keyOf) {
      const { day, region, service } = scope
      this.key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secretAccessKey}`, day))
      this.keyOf = keyOf
    }
    return hmac(this.key, Buffer.from(text, 'latin1')).toString('hex')
  }
}

/** Order of P-256, less two. */
const LARGEST = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n - 2n

/** An elliptic curve's key is made of the secret, so that one signature holds in many regions. */
export class SigV4A implements SigningAlgorithm {
  readonly name = 'AWS4-ECDSA-P256-SHA256'
  readonly hasRegionSet = true
  private key: KeyObject | null = null
  private keyOf = ''

  scopeText({ day, service }: SigningScope): string {
    return `${day}/${service}/aws4_request`
  }

  sign(text: string, credentials: AwsCredentials): string {
    const keyOf = `${credentials.accessKeyId}\n${credentials.secretAccessKey}`
    if (this.key === null || this.keyOf !== keyOf) {
      this.key = deriveKey(credentials, this.name)
      this.keyOf = keyOf
    }
    return sign('sha256', Buffer.from(text, 'latin1'), this.key).toString('hex')
  }
}

export function deriveKey({ accessKeyId, secretAccessKey }: AwsCredentials, algorithm: string): KeyObject {
  for (let counter = 1; ; counter++) {
    const input = Buffer.concat([
      Buffer.from([0, 0, 0, 1]),
      Buffer.from(`${algorithm}\0${accessKeyId}`),
      Buffer.from([counter, 0, 0, 1, 0]),
    ])
    const candidate = BigInt(`0x${hmac(`AWS4A${secretAccessKey}`, input).toString('hex')}`)
    // One in four billion is too large.
    if (candidate > LARGEST) continue
    const secret = Buffer.from((candidate + 1n).toString(16).padStart(64, '0'), 'hex')
    const curve = createECDH('prime256v1')
    curve.setPrivateKey(secret)
    const point = curve.getPublicKey()
    const [d, x, y] = [secret, point.subarray(1, 33), point.subarray(33)].map(part => part.toString('base64url'))
    return createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: d!, x: x!, y: y! } })
  }
}
