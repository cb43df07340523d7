/** One certificate; every field is worked out when it is first asked for. */
export interface CertificateInfo {
  /** RFC 2253, as 'CN=a,O=b'. */
  readonly subject: string
  readonly issuer: string
  /** Lower-case hex. */
  readonly serialNumber: string
  /** Lower-case hex of the DER's digest. */
  readonly sha256: string
  readonly sha1: string
  /** Unix ms. */
  readonly validFromMs: number
  readonly validToMs: number
  readonly uriSans: readonly string[]
  readonly dnsSans: readonly string[]
  readonly ipSans: readonly string[]
  readonly emailSans: readonly string[]
  readonly otherNameSans: readonly string[]
  readonly pem: string
  /** The PEM, percent-encoded for a header. */
  readonly urlEncodedPem: string
}

/** What is known of the TLS of one connection (Envoy: Ssl::ConnectionInfo). Everything is '' or empty before the handshake. */
export interface SslConnectionInfo {
  /** 'TLSv1.3' */
  readonly version: string
  readonly cipher: string
  /** The group of the key exchange; empty: keys were exchanged without. */
  readonly group: string
  /** Lower-case hex; '' with TLS 1.3. */
  readonly sessionId: string
  /** As the client asked for it. */
  readonly sni: string
  readonly alpn: string
  readonly sessionReused: boolean
  readonly peerCertificatePresented: boolean
  /** Presented, and it has passed every check the configuration asks for. */
  readonly peerCertificateValidated: boolean
  readonly peerCertificate: CertificateInfo | null
  /** As presented, leaf first. */
  readonly peerCertificateChain: readonly CertificateInfo[]
  /** Of the certificate that signed the peer's, sent or known here; asked for while the connection stands. */
  readonly peerIssuer: Pick<CertificateInfo, 'sha256' | 'serialNumber'> | null
  readonly localCertificate: CertificateInfo | null
}
