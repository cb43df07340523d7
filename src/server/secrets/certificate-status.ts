import type { X509Certificate } from 'node:crypto'
import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { CertificateDetails, CertificateStatus } from '../../admin/index.ts'
import type { SecretRef } from '../../config/index.ts'
import { parseSans } from '../../net/index.ts'
import type { SecretHub } from './secret-hub.ts'

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const DAY_MS = 86_400_000

/** Parsed once per version of a secret. */
const parsed = new WeakMap<SecretJson, readonly X509Certificate[]>()

function certificatesOf(
  secret: SecretJson,
  sources: readonly (DataSourceJson | undefined)[],
): readonly X509Certificate[] {
  const known = parsed.get(secret)
  if (known !== undefined) return known
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  const certificates = sources.flatMap(source => {
    if (source?.inlineBytes === undefined && source?.inlineString === undefined) return []
    const text = source.inlineString ?? Buffer.from(source.inlineBytes!, 'base64').toString('latin1')
    return (text.match(PEM_CERTIFICATE) ?? []).map(pem => new X509Certificate(pem))
  })
  parsed.set(secret, certificates)
  return certificates
}

const chainOf = ({ current }: SecretRef): readonly X509Certificate[] =>
  certificatesOf(current, [current.tlsCertificate?.certificateChain])
const authoritiesOf = ({ current }: SecretRef): readonly X509Certificate[] =>
  certificatesOf(current, [current.validationContext?.trustedCa])

function details(certificate: X509Certificate, path: string): CertificateDetails {
  const { dns, uri, ip } = parseSans(certificate.subjectAltName)
  return {
    path,
    serialNumber: certificate.serialNumber.toLowerCase(),
    subjectAltNames: [
      ...dns.map(name => ({ dns: name })),
      ...uri.map(name => ({ uri: name })),
      ...ip.map(address => ({ ip_address: address })),
    ],
    validFromMs: Date.parse(certificate.validFrom),
    expirationMs: Date.parse(certificate.validTo),
  }
}

/** What /certs shows: the certificates in force, one entry for each TLS context. */
export function* certificateStatus(hub: SecretHub): Iterable<CertificateStatus> {
  for (const { certificates, validation } of hub.groups()) {
    // As in Envoy, of a bundle the first one stands for all.
    const first = (refs: readonly SecretRef[], read: typeof chainOf, field: string): CertificateDetails[] =>
      refs.flatMap(ref =>
        read(ref)
          .slice(0, 1)
          .map(one => details(one, hub.fileOf(ref, field) ?? '<inline>')),
      )
    yield {
      caCerts: first(validation, authoritiesOf, 'trustedCa'),
      certChain: first(certificates, chainOf, 'certificateChain'),
      problems: [...certificates, ...validation].flatMap(ref => hub.problemOf(ref) ?? []),
    }
  }
}

/** Whole days until the first certificate in use expires; null when there is none. */
export function daysUntilFirstExpiry(hub: SecretHub, nowMs: number): number | null {
  let firstMs = Number.POSITIVE_INFINITY
  for (const { certificates, validation } of hub.groups()) {
    const all = [...certificates.flatMap(chainOf), ...validation.flatMap(authoritiesOf)]
    for (const { validTo } of all) firstMs = Math.min(firstMs, Date.parse(validTo))
  }
  return firstMs === Number.POSITIVE_INFINITY ? null : Math.max(Math.floor((firstMs - nowMs) / DAY_MS), 0)
}
