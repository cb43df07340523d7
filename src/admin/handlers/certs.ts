import { type Endpoint, json } from '../endpoint.ts'
import type { CertificateDetails } from '../sources.ts'

const DAY_MS = 86_400_000

function details(certificate: CertificateDetails, nowMs: number): object {
  const days = Math.floor((certificate.expirationMs - nowMs) / DAY_MS)
  return {
    path: certificate.path,
    serial_number: certificate.serialNumber,
    subject_alt_names: certificate.subjectAltNames,
    days_until_expiration: String(Math.max(days, 0)),
    valid_from: timestamp(certificate.validFromMs),
    expiration_time: timestamp(certificate.expirationMs),
  }
}

/** ProtoJSON leaves out a fraction of zero. */
function timestamp(unixMs: number): string {
  return new Date(unixMs).toISOString().replace('.000Z', 'Z')
}

export const certs: Endpoint = {
  path: '/certs',
  help: 'print certs on machine',
  handle: (_request, sources) => {
    const nowMs = Date.now()
    const certificates = Array.from(sources.certs(), ({ caCerts, certChain, problems }) => ({
      ca_cert: caCerts.map(certificate => details(certificate, nowMs)),
      cert_chain: certChain.map(certificate => details(certificate, nowMs)),
      // Ours: Envoy leaves it to the log that a newer certificate could not be used.
      ...(problems.length > 0 && { problems }),
    }))
    return json({ certificates })
  },
}
