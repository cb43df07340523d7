import type { X509Certificate } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { SecretCheck } from '../../../config/index.ts'
import { nativeContext, parseSans } from '../../../net/index.ts'
import { plainSerial, readOcspResponse } from './ocsp-response.ts'

/** A certificate chain with its key, read and ready. */
export interface KeyPair {
  /** What a context of OpenSSL is made with. */
  readonly credentials: SecureContextOptions
  readonly ocspStaple: Buffer | null
  readonly isEcdsa: boolean
  /** Lower case: what the certificate is for; wildcards as '*.a.test'. */
  readonly serverNames: readonly string[]
  /** The certificate says that it is worth nothing without a staple. */
  readonly mustStaple: boolean
  /** Unix seconds. */
  readonly expiresS: number
}

/** The content of a data source that is inline. */
export function inlineBytes(source: DataSourceJson | undefined): Buffer | undefined {
  if (source?.inlineString !== undefined) return Buffer.from(source.inlineString, 'utf8')
  return source?.inlineBytes === undefined ? undefined : Buffer.from(source.inlineBytes, 'base64')
}

export interface KeyPairProblem {
  readonly field: string
  readonly problem: string
}

const problem = (field: string, text: string): KeyPairProblem => ({ field, problem: text })

/** Whether a secret holds a certificate with its key. */
export const checkKeyPair: SecretCheck = (secret, context, path) => {
  const read = readKeyPair(secret)
  if ('problem' in read) context.diagnostics.error(path.field(read.field), read.problem)
  return !('problem' in read)
}

/** What a secret with a TlsCertificate holds, every data source inline; or what is wrong with it. */
export function readKeyPair({ tlsCertificate: json }: SecretJson): KeyPair | KeyPairProblem {
  const staple = inlineBytes(json?.ocspStaple) ?? null
  const password = inlineBytes(json?.password)?.toString('utf8')
  const passphrase = password === undefined ? {} : { passphrase: password }
  const archive = inlineBytes(json?.pkcs12)
  if (archive !== undefined) return readArchive({ pfx: archive, ...passphrase }, staple)
  const cert = inlineBytes(json?.certificateChain)
  const key = inlineBytes(json?.privateKey)
  if (cert === undefined) return problem('certificate_chain', 'a certificate needs its chain')
  if (key === undefined) return problem('private_key', 'a certificate needs its key')
  const { createPrivateKey, X509Certificate } = process.getBuiltinModule('node:crypto')
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(cert)
  } catch (error) {
    return problem('certificate_chain', `is no certificate in PEM form: ${(error as Error).message}`)
  }
  try {
    if (!leaf.checkPrivateKey(createPrivateKey({ key, ...passphrase }))) {
      return problem('private_key', 'is not the key of the certificate')
    }
  } catch (error) {
    return problem('private_key', `cannot be read: ${(error as Error).message}`)
  }
  return keyPair(leaf, { cert, key, ...passphrase }, staple)
}

/** A PKCS 12 archive holds certificate and key. */
function readArchive(credentials: SecureContextOptions, staple: Buffer | null): KeyPair | KeyPairProblem {
  try {
    const context = process.getBuiltinModule('node:tls').createSecureContext({ ca: [], ...credentials })
    const der = (nativeContext(context) as { getCertificate(): Buffer | null }).getCertificate()
    if (der === null) return problem('pkcs12', 'holds no certificate')
    const { X509Certificate } = process.getBuiltinModule('node:crypto')
    return keyPair(new X509Certificate(der), credentials, staple)
  } catch (error) {
    return problem('pkcs12', `cannot be read: ${(error as Error).message}`)
  }
}

function keyPair(
  leaf: X509Certificate,
  credentials: SecureContextOptions,
  ocspStaple: Buffer | null,
): KeyPair | KeyPairProblem {
  if (ocspStaple !== null) {
    const response = readOcspResponse(ocspStaple)
    if (response === null) return problem('ocsp_staple', 'is no good OCSP response in DER form about one certificate')
    if (response.serial !== plainSerial(leaf.serialNumber)) {
      return problem('ocsp_staple', 'is the OCSP response of another certificate')
    }
  }
  return {
    credentials,
    ocspStaple,
    isEcdsa: leaf.publicKey.asymmetricKeyType === 'ec',
    serverNames: serverNamesOf(leaf),
    mustStaple: leaf.raw.includes(mustStaple()),
    expiresS: Math.trunc(Date.parse(leaf.validTo) / 1000),
  }
}

/** The extension 1.3.6.1.5.5.7.1.24 (RFC 7633) with the single feature status_request. */
const mustStaple = (): Buffer => Buffer.from('06082b0601050507011804053003020105', 'hex')

function serverNamesOf(leaf: X509Certificate): readonly string[] {
  // Whoever has any other name is not called by the common one.
  if (leaf.subjectAltName !== undefined) return parseSans(leaf.subjectAltName).dns.map(name => name.toLowerCase())
  const commonName = /^CN=(.*)$/m.exec(leaf.subject)?.[1]
  return commonName === undefined ? [] : [commonName.toLowerCase()]
}
