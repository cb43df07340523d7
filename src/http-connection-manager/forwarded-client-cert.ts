// x-forwarded-client-cert: who the client proved to be (Envoy's ConnectionManagerUtility::mutateXfccRequestHeader).
import type {
  HttpConnectionManager_ForwardClientCertDetailsJson,
  HttpConnectionManagerJson,
} from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { declareSupport } from '../config/index.ts'
import { type HeaderMap, X_FORWARDED_CLIENT_CERT } from '../http/index.ts'
import type { SslConnectionInfo } from '../observability/index.ts'

declareSupport(
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails',
  {
    supported: ['subject', 'cert', 'chain', 'dns', 'uri', 'issuer', 'format'],
  },
)

/** Which details of the client's certificate go on, and how. */
export interface ForwardedClientCertPlan {
  readonly mode: HttpConnectionManager_ForwardClientCertDetailsJson
  readonly json: boolean
  readonly cert: boolean
  readonly chain: boolean
  readonly subject: boolean
  readonly uri: boolean
  readonly dns: boolean
  readonly issuer: boolean
}

/** Fields younger than the package that the types come from. */
interface LaterFields {
  readonly format?: string
  readonly issuer?: boolean
}

export function compileForwardedClientCert(config: HttpConnectionManagerJson): ForwardedClientCertPlan {
  const details = config.setCurrentClientCertDetails
  const later = (details ?? {}) as LaterFields
  return {
    mode: config.forwardClientCertDetails ?? 'SANITIZE',
    json: later.format === 'JSON',
    cert: details?.cert ?? false,
    chain: details?.chain ?? false,
    subject: details?.subject ?? false,
    uri: details?.uri ?? false,
    dns: details?.dns ?? false,
    issuer: later.issuer ?? false,
  }
}

/** What one connection adds to its requests; worked out at the first of them. */
export class ForwardedClientCert {
  private readonly plan: ForwardedClientCertPlan
  private readonly ssl: SslConnectionInfo | null
  private text: string | null = null
  private object: string | null = null

  constructor(plan: ForwardedClientCertPlan, ssl: SslConnectionInfo | null) {
    this.plan = plan
    this.ssl = ssl
  }

  apply(headers: HeaderMap): void {
    const { mode } = this.plan
    if (mode === 'ALWAYS_FORWARD_ONLY') return
    const mutual = this.ssl?.peerCertificatePresented === true
    if (mode === 'SANITIZE' || !mutual) {
      // Whoever is not known by a certificate makes such a header up.
      if (headers.has(X_FORWARDED_CLIENT_CERT)) headers.remove(X_FORWARDED_CLIENT_CERT)
      return
    }
    if (mode === 'FORWARD_ONLY') return
    const before = mode === 'APPEND_FORWARD' ? (headers.get(X_FORWARDED_CLIENT_CERT) ?? '') : ''
    headers.set(X_FORWARDED_CLIENT_CERT, before === '' ? this.alone() : this.behind(before))
  }

  private alone(): string {
    return this.plan.json ? `[${this.asObject()}]` : this.asText()
  }

  /** The header keeps the form in which it came. */
  private behind(before: string): string {
    if (!before.startsWith('[') || !before.endsWith(']')) return `${before},${this.asText()}`
    const elements = before.slice(1, -1).trim() === '' ? '[' : `${before.slice(0, -1)},`
    return `${elements}${this.asObject()}]`
  }

  private asText(): string {
    this.text ??= textOf(this.plan, this.ssl!)
    return this.text
  }

  private asObject(): string {
    this.object ??= objectOf(this.plan, this.ssl!)
    return this.object
  }
}

function textOf(plan: ForwardedClientCertPlan, ssl: SslConnectionInfo): string {
  const peer = ssl.peerCertificate
  if (peer === null) return ''
  const parts = (ssl.localCertificate?.uriSans ?? []).map(uri => `By=${uri}`)
  parts.push(`Hash=${peer.sha256}`)
  if (plan.cert) parts.push(`Cert="${peer.urlEncodedPem}"`)
  if (plan.chain) parts.push(`Chain="${ssl.peerCertificateChain.map(one => one.urlEncodedPem).join('')}"`)
  if (plan.subject) parts.push(`Subject="${peer.subject}"`)
  // The key stands there even without a value.
  if (plan.uri) parts.push(...(peer.uriSans.length === 0 ? ['URI='] : peer.uriSans.map(uri => `URI=${uri}`)))
  if (plan.dns) parts.push(...peer.dnsSans.map(dns => `DNS=${dns}`))
  if (plan.issuer) parts.push(`Issuer="${peer.issuer}"`)
  return parts.join(';')
}

function objectOf(plan: ForwardedClientCertPlan, ssl: SslConnectionInfo): string {
  const peer = ssl.peerCertificate
  if (peer === null) return '{}'
  const by = ssl.localCertificate?.uriSans ?? []
  return JSON.stringify({
    ...(by.length > 0 && { by }),
    hash: peer.sha256,
    ...(plan.cert && { cert: peer.pem }),
    ...(plan.chain && { chain: ssl.peerCertificateChain.map(one => one.pem) }),
    ...(plan.subject && { subject: peer.subject }),
    ...(plan.uri && peer.uriSans.length > 0 && { uri: peer.uriSans }),
    ...(plan.dns && peer.dnsSans.length > 0 && { dns: peer.dnsSans }),
    ...(plan.issuer && { issuer: peer.issuer }),
  })
}
