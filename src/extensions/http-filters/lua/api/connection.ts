// connection():ssl() and streamInfo():downstreamSslConnection().
import { toWireText } from '../../../../base/index.ts'
import type { CertificateInfo, SslConnectionInfo } from '../../../../observability/index.ts'
import type { HostFunction } from '../vm/host-table.ts'
import type { LuaMachine } from '../vm/machine.ts'
import { CONNECTION, PARSED_NAME, pushNil, pushObject, runOf, SSL } from './objects.ts'
import { commonName, organizationNames } from './subject.ts'
import { pushTexts } from './values.ts'

const MS_PER_SECOND = 1000

function sslOf(machine: LuaMachine, state: number, kind: number): SslConnectionInfo {
  const { ssl } = runOf(machine, state, kind).filter.callbacks.info.connection
  return ssl ?? machine.raise(state, 'the connection has no TLS')
}

const text =
  (of: (ssl: SslConnectionInfo) => string): HostFunction =>
  (machine, state) => {
    machine.pushText(state, toWireText(of(sslOf(machine, state, SSL))))
    return 1
  }

const truth =
  (of: (ssl: SslConnectionInfo) => boolean): HostFunction =>
  (machine, state) => {
    machine.lua.lua_pushboolean(state, of(sslOf(machine, state, SSL)) ? 1 : 0)
    return 1
  }

const texts =
  (of: (ssl: SslConnectionInfo) => readonly string[] | undefined): HostFunction =>
  (machine, state) =>
    pushTexts(machine, state, of(sslOf(machine, state, SSL)) ?? [])

/** Seconds since the epoch; 0 without a certificate. */
const seconds =
  (of: (certificate: CertificateInfo) => number): HostFunction =>
  (machine, state) => {
    const { peerCertificate } = sslOf(machine, state, SSL)
    const ms = peerCertificate === null ? 0 : of(peerCertificate)
    machine.lua.lua_pushnumber(state, Math.floor(ms / MS_PER_SECOND))
    return 1
  }

export const CONNECTION_METHODS: Readonly<Record<string, HostFunction>> = {
  ssl: (machine, state) => {
    if (runOf(machine, state, CONNECTION).filter.callbacks.info.connection.ssl === null) return pushNil(machine, state)
    return pushObject(machine, state, SSL)
  },
}

const missing =
  (name: string): HostFunction =>
  (machine, state) =>
    machine.raise(state, `${name}() is not part of this release`)

export const SSL_METHODS: Readonly<Record<string, HostFunction>> = {
  peerCertificatePresented: truth(ssl => ssl.peerCertificatePresented),
  peerCertificateValidated: truth(ssl => ssl.peerCertificateValidated),
  uriSanLocalCertificate: texts(ssl => ssl.localCertificate?.uriSans),
  uriSanPeerCertificate: texts(ssl => ssl.peerCertificate?.uriSans),
  dnsSansLocalCertificate: texts(ssl => ssl.localCertificate?.dnsSans),
  dnsSansPeerCertificate: texts(ssl => ssl.peerCertificate?.dnsSans),
  sha256PeerCertificateDigest: text(ssl => ssl.peerCertificate?.sha256 ?? ''),
  serialNumberPeerCertificate: text(ssl => ssl.peerCertificate?.serialNumber ?? ''),
  issuerPeerCertificate: text(ssl => ssl.peerCertificate?.issuer ?? ''),
  subjectPeerCertificate: text(ssl => ssl.peerCertificate?.subject ?? ''),
  subjectLocalCertificate: text(ssl => ssl.localCertificate?.subject ?? ''),
  urlEncodedPemEncodedPeerCertificate: text(ssl => ssl.peerCertificate?.urlEncodedPem ?? ''),
  urlEncodedPemEncodedPeerCertificateChain: text(ssl =>
    ssl.peerCertificateChain.map(({ urlEncodedPem }) => urlEncodedPem).join(''),
  ),
  validFromPeerCertificate: seconds(({ validFromMs }) => validFromMs),
  expirationPeerCertificate: seconds(({ validToMs }) => validToMs),
  sessionId: text(ssl => ssl.sessionId),
  ciphersuiteString: text(ssl => ssl.cipher),
  tlsVersion: text(ssl => ssl.version),
  ciphersuiteId: missing('ciphersuiteId'),
  oidsPeerCertificate: missing('oidsPeerCertificate'),
  oidsLocalCertificate: missing('oidsLocalCertificate'),
  parsedSubjectPeerCertificate: (machine, state) => {
    if (sslOf(machine, state, SSL).peerCertificate === null) return pushNil(machine, state)
    return pushObject(machine, state, PARSED_NAME)
  },
}

export const PARSED_NAME_METHODS: Readonly<Record<string, HostFunction>> = {
  commonName: (machine, state) => {
    const subject = sslOf(machine, state, PARSED_NAME).peerCertificate?.subject ?? ''
    machine.pushText(state, toWireText(commonName(subject)))
    return 1
  },
  organizationName: (machine, state) => {
    const subject = sslOf(machine, state, PARSED_NAME).peerCertificate?.subject ?? ''
    return pushTexts(machine, state, organizationNames(subject))
  },
}
