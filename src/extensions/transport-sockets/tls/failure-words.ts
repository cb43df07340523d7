// Why TLS failed, in the words of Envoy: %DOWNSTREAM_TRANSPORT_FAILURE_REASON% and %UPSTREAM_TRANSPORT_FAILURE_REASON%.
import type { TlsError } from '../../../net/index.ts'

/** BoringSSL's number and name where they differ from what OpenSSL's words give. */
const REASONS: Readonly<Record<string, string>> = {}

export function errorWords(error: TlsError | null): string {
  if (error === null) return 'TLS_error_end'
  const reason = error.reason ?? error.message
  const name = REASONS[reason] ?? reason.toUpperCase().replaceAll(' ', '_')
  return `TLS_error:|SSL routines:OPENSSL_internal:${name}:TLS_error_end`
}

export function verifyWords(text: string): string {
  return `TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: ${text}:TLS_error_end`
}
