import type { X509Certificate } from 'node:crypto'
import type { TlsCertificateJson } from '#api/envoy/extensions/transport_sockets/tls/v3/common_pb.ts'
import { type CompileContext, type ConfigPath, dataSourceBytes } from '../../../config/index.ts'
import { parseSans } from '../../../net/index.ts'

/** A certificate chain with its key, read and ready. */
export interface KeyPair {
  readonly chain: Buffer
  readonly key: Buffer
  readonly password: string | undefined
  readonly ocspStaple: Buffer | null
  readonly isEcdsa: boolean
  /** Lower case: what the certificate is for; wildcards as '*.a.test'. */
  readonly serverNames: readonly string[]
  /** The certificate says that it is worth nothing without a staple. */
  readonly mustStaple: boolean
}

/** Compiles TlsCertificate; undefined when something about it is wrong, which is then reported. */
export function compileKeyPair(
  json: TlsCertificateJson,
  context: CompileContext,
  path: ConfigPath,
): KeyPair | undefined {
  const { diagnostics } = context
  if (json.certificateChain === undefined || json.privateKey === undefined) {
    const missing = json.certificateChain === undefined ? 'certificate_chain' : 'private_key'
    diagnostics.error(path.field(missing), 'a certificate needs both its chain and its key')
    return undefined
  }
  const chain = dataSourceBytes(json.certificateChain, context, path.field('certificate_chain'))
  const key = dataSourceBytes(json.privateKey, context, path.field('private_key'))
  const password = json.password && dataSourceBytes(json.password, context, path.field('password'))
  const staple = json.ocspStaple && dataSourceBytes(json.ocspStaple, context, path.field('ocsp_staple'))
  if (chain === undefined || key === undefined) return undefined
  const problem = (field: string, message: string): undefined => {
    diagnostics.error(path.field(field), message)
    return undefined
  }
  const { createPrivateKey, X509Certificate } = process.getBuiltinModule('node:crypto')
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(chain)
  } catch (error) {
    return problem('certificate_chain', `is no certificate in PEM form: ${(error as Error).message}`)
  }
  const passphrase = password?.toString('utf8')
  try {
    const privateKey = createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) })
    if (!leaf.checkPrivateKey(privateKey)) return problem('private_key', 'is not the key of the certificate')
  } catch (error) {
    return problem('private_key', `cannot be read: ${(error as Error).message}`)
  }
  return {
    chain,
    key,
    password: passphrase,
    ocspStaple: staple ?? null,
    isEcdsa: leaf.publicKey.asymmetricKeyType === 'ec',
    serverNames: serverNamesOf(leaf),
    mustStaple: leaf.raw.includes(mustStaple()),
  }
}

/** The extension 1.3.6.1.5.5.7.1.24 (RFC 7633) with the single feature status_request. */
const mustStaple = (): Buffer => Buffer.from('06082b0601050507011804053003020105', 'hex')

function serverNamesOf(leaf: X509Certificate): readonly string[] {
  const { dns } = parseSans(leaf.subjectAltName)
  if (dns.length > 0) return dns.map(name => name.toLowerCase())
  const commonName = /^CN=(.*)$/m.exec(leaf.subject)?.[1]
  return commonName === undefined ? [] : [commonName.toLowerCase()]
}
