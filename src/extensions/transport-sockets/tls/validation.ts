import type {
  CertificateValidationContextJson,
  SubjectAltNameMatcherJson,
} from '#api/envoy/extensions/transport_sockets/tls/v3/common_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  dataSourceBytes,
  type StringPredicate,
} from '../../../config/index.ts'
import type { Certificate, TlsHandle } from '../../../net/index.ts'
import { chainErrorWords } from './failure-words.ts'
import * as stats from './stats.ts'

type SanField = 'dnsSans' | 'uriSans' | 'emailSans' | 'ipSans'
const SAN_FIELDS: Readonly<Record<string, SanField>> = {
  DNS: 'dnsSans',
  URI: 'uriSans',
  EMAIL: 'emailSans',
  IP_ADDRESS: 'ipSans',
}

interface SanMatcher {
  readonly fields: readonly SanField[]
  readonly matches: StringPredicate
}

/** CertificateValidationContext, compiled. */
export interface ValidationPlan {
  /** PEM; empty: whoever signed it, no chain is built. */
  readonly trustedCas: readonly (Buffer | string)[]
  readonly crls: readonly string[]
  /** ACCEPT_UNTRUSTED: every check is made, none of them turns anybody away. */
  readonly acceptUntrusted: boolean
  readonly sanMatchers: readonly SanMatcher[]
  /** Lower-case hex. */
  readonly hashes: ReadonlySet<string>
  /** Base64. */
  readonly spkis: ReadonlySet<string>
  /** Most certificates between leaf and root; Infinity: any number. */
  readonly maxDepth: number
}

/** What is wrong with a peer, and the stat that counts it. */
export interface VerifyFailure {
  readonly slot: number
  readonly text: string
}

/** Compiles CertificateValidationContext. */
export function compileValidation(
  json: CertificateValidationContextJson,
  context: CompileContext,
  path: ConfigPath,
): ValidationPlan {
  const { diagnostics } = context
  const trustedCas: (Buffer | string)[] = []
  if (json.trustedCa !== undefined) {
    const bytes = dataSourceBytes(json.trustedCa, context, path.field('trusted_ca'))
    if (bytes !== undefined) {
      checkPem(bytes, 'CERTIFICATE', context, path.field('trusted_ca'))
      trustedCas.push(bytes)
    }
  }
  if (json.systemRootCerts !== undefined) {
    trustedCas.push(...process.getBuiltinModule('node:tls').getCACertificates('system'))
  }
  const crl = json.crl && dataSourceBytes(json.crl, context, path.field('crl'))
  const sanMatchers = [
    ...(json.matchTypedSubjectAltNames ?? []).map((one, i) =>
      compileSanMatcher(one, context, path.field('match_typed_subject_alt_names').index(i)),
    ),
    ...(json.matchSubjectAltNames ?? []).map((one, i) => ({
      fields: Object.values(SAN_FIELDS),
      matches: compileStringMatcher(one, context, path.field('match_subject_alt_names').index(i)),
    })),
  ]
  const trusts = trustedCas.length > 0 || json.trustedCa !== undefined
  if (sanMatchers.length > 0 && !trusts) {
    diagnostics.error(path, 'a name in a certificate is worth nothing without a trusted_ca that vouches for it', {
      expected: 'trusted_ca or system_root_certs beside the name matchers',
    })
  }
  if (crl !== undefined) {
    if (!trusts) diagnostics.error(path.field('crl'), 'a revocation list needs the trusted_ca that issued it')
    checkPem(crl, 'X509 CRL', context, path.field('crl'))
  }
  return {
    trustedCas,
    crls: crl === undefined ? [] : pemBlocks(crl),
    acceptUntrusted: json.trustChainVerification === 'ACCEPT_UNTRUSTED',
    sanMatchers,
    hashes: new Set((json.verifyCertificateHash ?? []).map(hash => hash.replaceAll(':', '').toLowerCase())),
    spkis: new Set(json.verifyCertificateSpki ?? []),
    maxDepth: json.maxVerifyDepth ?? Number.POSITIVE_INFINITY,
  }
}

function compileSanMatcher(json: SubjectAltNameMatcherJson, context: CompileContext, path: ConfigPath): SanMatcher {
  const field = SAN_FIELDS[json.sanType ?? '']
  const matches = compileStringMatcher(json.matcher ?? {}, context, path.field('matcher'))
  const exact = json.matcher?.exact
  // A wildcard of the certificate covers the one name that is asked for.
  if (field === 'dnsSans' && exact !== undefined)
    return { fields: [field], matches: name => dnsNameMatches(exact, name) }
  return { fields: field === undefined ? [] : [field], matches }
}

/** Whether a name of a certificate, perhaps '*.a.test', covers `wanted`. */
export function dnsNameMatches(wanted: string, inCertificate: string): boolean {
  const name = wanted.toLowerCase()
  const pattern = inCertificate.toLowerCase()
  if (name === pattern) return true
  if (!pattern.startsWith('*.')) return false
  const dot = name.indexOf('.')
  return dot > 0 && name.slice(dot) === pattern.slice(1)
}

function pemBlocks(pem: Buffer): readonly string[] {
  return pem.toString('latin1').match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []
}

function checkPem(bytes: Buffer, kind: string, context: CompileContext, path: ConfigPath): void {
  if (bytes.includes(`-----BEGIN ${kind}-----`) || (kind === 'CERTIFICATE' && bytes.includes('TRUSTED CERTIFICATE')))
    return
  context.diagnostics.error(path, `holds no ${kind === 'CERTIFICATE' ? 'certificate' : 'revocation list'} in PEM form`)
}

/** Judges the certificate that a peer has presented; null: nothing is wrong with it. */
export function verifyPeer(
  plan: ValidationPlan,
  handle: TlsHandle,
  certificate: Certificate,
  requiredSan: string | undefined,
): VerifyFailure | null {
  if (plan.trustedCas.length > 0) {
    const error = handle.verifyError()
    if (error !== null) return { slot: stats.FAIL_VERIFY_ERROR, text: chainErrorWords(error) }
    if (plan.maxDepth < Number.POSITIVE_INFINITY && certificate.intermediates > plan.maxDepth) {
      return {
        slot: stats.FAIL_VERIFY_ERROR,
        text: chainErrorWords({ code: 'CERT_CHAIN_TOO_LONG', message: 'certificate chain too long' }),
      }
    }
  }
  if (requiredSan !== undefined && !certificate.dnsSans.some(name => dnsNameMatches(requiredSan, name))) {
    return sanFailure(certificate)
  }
  if (plan.sanMatchers.length > 0 && !plan.sanMatchers.some(matcher => sanMatches(matcher, certificate))) {
    return sanFailure(certificate)
  }
  if (plan.hashes.size > 0 || plan.spkis.size > 0) {
    const pinned =
      plan.hashes.has(certificate.sha256) || (plan.spkis.size > 0 && plan.spkis.has(certificate.spkiSha256))
    if (!pinned) return { slot: stats.FAIL_VERIFY_CERT_HASH, text: 'cert hash and spki' }
  }
  return null
}

function sanFailure({ sans }: Certificate): VerifyFailure {
  return { slot: stats.FAIL_VERIFY_SAN, text: `SAN matcher, certificate SANs are [${sans.join(', ')}]` }
}

function sanMatches({ fields, matches }: SanMatcher, certificate: Certificate): boolean {
  return fields.some(field => certificate[field].some(matches))
}
