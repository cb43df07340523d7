import type { SecureVersion } from 'node:tls'
import type { TlsParametersJson } from '#api/envoy/extensions/transport_sockets/tls/v3/common_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'

/** Versions, ciphers and groups in the words of OpenSSL. */
export interface TlsParams {
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  readonly ciphers: string
  readonly ecdhCurve: string
  readonly sigalgs: string | undefined
}

const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  TLSv1_0: 'TLSv1',
  TLSv1_1: 'TLSv1.1',
  TLSv1_2: 'TLSv1.2',
  TLSv1_3: 'TLSv1.3',
}
/** Envoy's defaults of a build without FIPS. */
const DEFAULT_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
]
/** Not configurable, as in Envoy. The shortest key first: it costs least and is strong enough. */
const TLS13_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
const DEFAULT_CURVES = ['X25519', 'P-256']

/** Compiles TlsParameters. */
export function compileTlsParams(
  json: TlsParametersJson | undefined,
  defaultMaxVersion: SecureVersion,
  context: CompileContext,
  path: ConfigPath,
): TlsParams {
  const minVersion = VERSIONS[json?.tlsMinimumProtocolVersion ?? ''] ?? 'TLSv1.2'
  const maxVersion = VERSIONS[json?.tlsMaximumProtocolVersion ?? ''] ?? defaultMaxVersion
  const lowest = [minVersion, maxVersion].sort()[0]!
  if (lowest !== minVersion) {
    context.diagnostics.error(path.field('tls_minimum_protocol_version'), 'is above the maximum protocol version', {
      found: `${minVersion} above ${maxVersion}`,
    })
  }
  const suites = json?.cipherSuites ?? []
  // Square brackets make a group of equal preference, which OpenSSL does not know: the written order decides there.
  const older = suites.length > 0 ? suites.flatMap(suite => suite.replace(/^\[|\]$/g, '').split('|')) : DEFAULT_CIPHERS
  // OpenSSL holds TLS 1.0 and 1.1 to be too weak for any security level but the lowest.
  const level = minVersion === 'TLSv1' || minVersion === 'TLSv1.1' ? ['@SECLEVEL=0'] : []
  const algorithms = json?.signatureAlgorithms ?? []
  return {
    minVersion,
    maxVersion,
    ciphers: [...TLS13_CIPHERS, ...older, ...level].join(':'),
    ecdhCurve: (json?.ecdhCurves?.length ? json.ecdhCurves : DEFAULT_CURVES).join(':'),
    sigalgs: algorithms.length === 0 ? undefined : algorithms.join(':'),
  }
}
