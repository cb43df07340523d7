import type { CertificateInfo, SslConnectionInfo } from '../../../observability/index.ts'
import { Certificate, plainHex } from './certificate.ts'
import type { NativeCertificate, TlsHandle } from './engine.ts'
import { groupOfSession, groupOfShare, idOfSession } from './session-facts.ts'

/** The certificate of this side, the same for all connections of one credential. (-6 % of a handshake's CPU) */
export class OwnCertificate {
  certificate: Certificate | null = null
  private known = false

  /** Asks the first connection for it. */
  read(handle: TlsHandle): void {
    if (this.known) return
    this.known = true
    const native = handle.getX509Certificate()
    if (native !== undefined) this.certificate = new Certificate(native)
  }
}

/** The TLS facts of one connection. What costs something is asked of OpenSSL when somebody wants to know it. */
export class TlsInfo implements SslConnectionInfo {
  version = ''
  cipher = ''
  /** Of the key exchange. */
  group = ''
  alpn = ''
  sni = ''
  sessionReused = false
  peerCertificatePresented = false
  peerCertificateValidated = false
  private handle: TlsHandle | null = null
  private nativePeer: NativeCertificate | null = null
  private peer: Certificate | null = null
  private chain: readonly Certificate[] | null = null
  private issuer: Pick<CertificateInfo, 'sha256' | 'serialNumber'> | null | undefined = undefined
  private own: OwnCertificate | null = null

  /** The handshake is done. `own`: what this side has shown. */
  attach(handle: TlsHandle, isServer: boolean, own: OwnCertificate): void {
    this.own = own
    this.handle = handle
    this.version = handle.getProtocol()
    this.cipher = handle.getCipher()?.name ?? ''
    this.sessionReused = handle.isSessionReused()
    // Node tells a client only; a server's session has it.
    this.group = isServer ? groupOfSession(handle.getSession()) : groupOfShare(handle.getEphemeralKeyInfo()?.name)
  }

  /** The connection has closed: keeps what may still be asked for, as logs of what came over it are written later. */
  detach(): void {
    const { handle } = this
    if (handle === null) return
    if (this.peerCertificatePresented) this.nativePeer ??= handle.getPeerX509Certificate() ?? null
    this.own?.read(handle)
    this.handle = null
  }

  get sessionId(): string {
    const session = this.version === 'TLSv1.3' ? undefined : this.handle?.getSession()
    return session === undefined ? '' : idOfSession(session)
  }

  get peerCertificate(): Certificate | null {
    if (this.peer !== null || !this.peerCertificatePresented) return this.peer
    this.nativePeer ??= this.handle?.getPeerX509Certificate() ?? null
    if (this.nativePeer !== null) this.peer = new Certificate(this.nativePeer)
    return this.peer
  }

  get peerCertificateChain(): readonly CertificateInfo[] {
    if (this.chain === null) {
      const chain: Certificate[] = []
      for (let one = this.peerCertificate; one !== null; one = one.next) chain.push(one)
      this.chain = chain
    }
    return this.chain
  }

  get peerIssuer(): Pick<CertificateInfo, 'sha256' | 'serialNumber'> | null {
    if (this.issuer !== undefined || this.handle === null) return this.issuer ?? null
    const issuer = this.handle.getPeerCertificate(true)?.issuerCertificate
    this.issuer =
      issuer === undefined
        ? null
        : { sha256: plainHex(issuer.fingerprint256), serialNumber: issuer.serialNumber.toLowerCase() }
    return this.issuer
  }

  get localCertificate(): CertificateInfo | null {
    if (this.own === null) return null
    if (this.handle !== null) this.own.read(this.handle)
    return this.own.certificate
  }
}
