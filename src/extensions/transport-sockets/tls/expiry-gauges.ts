import type { SecretRef } from '../../../config/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type CommonTls, validationRefs } from './common-context.ts'
import { inlineBytes } from './key-pair.ts'

/** Envoy's names for secrets without one. */
const UNNAMED_CERTIFICATE = 'unnamed_cert_e3b0c442'
const UNNAMED_AUTHORITY = 'unnamed_ca_cert_e3b0c442'

/**
 * Sets `<prefix>ssl.certificate.<name>.expiration_unix_time_seconds`. The first worker does it for all, since gauges of
 * workers are added up.
 */
export function setExpiryGauges(common: CommonTls, thread: ThreadContext, prefix: string): void {
  if (thread.workerIndex !== 0) return
  const set = (ref: SecretRef, unnamed: string, expiresS: number): void => {
    const { cells, slot } = thread.stats.gauge(
      `${prefix}ssl.certificate.${ref.name || unnamed}.expiration_unix_time_seconds`,
    )
    cells[slot] = expiresS
  }
  for (const ref of common.certificates) {
    const chain = inlineBytes(ref.current.tlsCertificate?.certificateChain)
    if (chain !== undefined) set(ref, UNNAMED_CERTIFICATE, expiryOf(chain))
  }
  for (const ref of validationRefs(common)) {
    const authority = inlineBytes(ref.current.validationContext?.trustedCa)
    if (authority !== undefined) set(ref, UNNAMED_AUTHORITY, expiryOf(authority))
  }
}

/** Of the first certificate, in Unix seconds. */
function expiryOf(pem: Buffer): number {
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  return Math.trunc(Date.parse(new X509Certificate(pem).validTo) / 1000)
}
