import type {
  CertificateValidationContextJson,
  SubjectAltNameMatcherJson,
} from '#api/envoy/extensions/transport_sockets/tls/v3/common_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  Diagnostics,
  type SecretCheck,
  type StringPredicate,
} from '../../../config/index.ts'
import type { Certificate, TlsHandle } from '../../../net/index.ts'
import { chainErrorWords } from './failure-words.ts'
import { inlineBytes } from './key-pair.ts'
import { allAuthorities, compileSpiffe, isOfItsDomain, type SpiffeTrust, spiffeLeafProblem } from './spiffe.ts'
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
  /** Null: every authority is good for every name. */
  readonly spiffe: SpiffeTrust | null
  /** Most certificates between leaf and root. */
  readonly maxDepth: number
}

/** What is wrong with a peer, and the stat that counts it. */
export interface VerifyFailure {
  readonly slot: number
  readonly text: string
}

/** Compiles CertificateValidationContext, every data source inline. */
export function compileValidation(
  json: CertificateValidationContextJson,
  context: CompileContext,
  path: ConfigPath,
): ValidationPlan {
  const { diagnostics } = context
  const trustedCas: (Buffer | string)[] = []
  if (json.trustedCa !== undefined) {
    const bytes = inlineBytes(json.trustedCa) ?? Buffer.alloc(0)
    checkAuthorities(bytes, context, path.field('trusted_ca'))
    trustedCas.push(bytes)
  }
  if (json.systemRootCerts !== undefined) {
    trustedCas.push(...process.getBuiltinModule('node:tls').getCACertificates('system'))
  }
  const crl = inlineBytes(json.crl)
  const sanMatchers = [
    ...(json.matchTypedSubjectAltNames ?? []).map((one, i) =>
      compileSanMatcher(one, context, path.field('match_typed_subject_alt_names').index(i)),
    ),
    ...(json.matchSubjectAltNames ?? []).map((one, i) => ({
      fields: Object.values(SAN_FIELDS),
      matches: compileStringMatcher(one, context, path.field('match_subject_alt_names').index(i)),
    })),
  ]
  const validator = json.customValidatorConfig
  const at = path.field('custom_validator_config')
  const spiffe = validator === undefined ? undefined : compileSpiffe(validator.typedConfig, context, at)
  if (spiffe !== undefined) trustedCas.push(...allAuthorities(spiffe))
  const trusts = trustedCas.length > 0
  if (sanMatchers.length > 0 && !trusts) {
    diagnostics.error(path, 'a name in a certificate is worth nothing without a trusted_ca that vouches for it', {
      expected: 'trusted_ca or system_root_certs beside the name matchers',
    })
  }
  if (crl !== undefined) {
    if (!trusts) diagnostics.error(path.field('crl'), 'a revocation list needs the trusted_ca that issued it')
    checkCrls(crl, context, path.field('crl'))
  }
  return {
    trustedCas,
    crls: crl === undefined ? [] : pemBlocks(crl),
    // The validator for SPIFFE knows no exceptions.
    acceptUntrusted: spiffe === undefined && json.trustChainVerification === 'ACCEPT_UNTRUSTED',
    sanMatchers,
    hashes: new Set((json.verifyCertificateHash ?? []).map(hash => hash.replaceAll(':', '').toLowerCase())),
    spkis: new Set(json.verifyCertificateSpki ?? []),
    spiffe: spiffe ?? null,
    // It counts the root too.
    maxDepth: Math.max(0, (json.maxVerifyDepth ?? Number.POSITIVE_INFINITY) - 1),
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

function checkAuthorities(bytes: Buffer, context: CompileContext, path: ConfigPath): void {
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  if (!/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(bytes.toString('latin1'))) {
    context.diagnostics.error(path, 'holds no certificate in PEM form')
    return
  }
  try {
    createSecureContext({ ca: bytes })
  } catch (error) {
    context.diagnostics.error(path, `cannot be read: ${(error as Error).message}`)
  }
}

function checkCrls(bytes: Buffer, context: CompileContext, path: ConfigPath): void {
  const blocks = pemBlocks(bytes)
  if (blocks.length === 0) context.diagnostics.error(path, 'holds no revocation list in PEM form')
  try {
    process.getBuiltinModule('node:tls').createSecureContext({ ca: [], crl: [...blocks] })
  } catch (error) {
    context.diagnostics.error(path, `cannot be read: ${(error as Error).message}`)
  }
}

/** Whether a secret holds what peers can be checked by; names alone may come from the configuration around it. */
export const checkValidation: SecretCheck = (secret, context, path) => {
  const diagnostics = new Diagnostics()
  compileValidation(secret.validationContext ?? {}, { ...context, diagnostics }, path)
  context.diagnostics.list.push(...diagnostics.list)
  return !diagnostics.failed
}

/** A validation context of the configuration with the one of a secret merged into it, as protobuf merges messages. */
export function mergeValidation(
  defaults: CertificateValidationContextJson,
  dynamic: CertificateValidationContextJson,
): CertificateValidationContextJson {
  const merged: Record<string, unknown> = { ...defaults }
  for (const [key, value] of Object.entries(dynamic)) {
    const before = merged[key]
    merged[key] =
      Array.isArray(value) && Array.isArray(before) ? [...(before as unknown[]), ...(value as unknown[])] : value
  }
  return merged as CertificateValidationContextJson
}

const NO_ISSUER = { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', message: '' }

/** Judges the certificate that a peer has presented; null: nothing is wrong with it. */
export function verifyPeer(
  plan: ValidationPlan,
  handle: TlsHandle,
  certificate: Certificate,
  requiredSan: string | undefined,
): VerifyFailure | null {
  if (plan.spiffe !== null) {
    const problem = spiffeLeafProblem(plan.spiffe, certificate)
    if (problem !== null) return { slot: stats.FAIL_VERIFY_ERROR, text: problem }
  }
  if (plan.trustedCas.length > 0) {
    const error = handle.verifyError()
    if (error !== null)
      return { slot: stats.FAIL_VERIFY_ERROR, text: chainErrorWords(error, certificate.chainLength - 1) }
    if (plan.maxDepth < Number.POSITIVE_INFINITY && certificate.intermediates > plan.maxDepth) {
      return { slot: stats.FAIL_VERIFY_ERROR, text: chainErrorWords(NO_ISSUER, plan.maxDepth + 1) }
    }
    if (plan.spiffe !== null && !isOfItsDomain(plan.spiffe, certificate)) {
      return { slot: stats.FAIL_VERIFY_ERROR, text: chainErrorWords(NO_ISSUER, certificate.intermediates) }
    }
  }
  if (requiredSan !== undefined && !namesCertificate(requiredSan, certificate)) {
    return sanFailure(certificate)
  }
  if (plan.sanMatchers.length > 0 && !plan.sanMatchers.some(matcher => sanMatches(matcher, certificate))) {
    return sanFailure(certificate)
  }
  if (isPinned(plan)) {
    const pinned =
      plan.hashes.has(certificate.sha256) || (plan.spkis.size > 0 && plan.spkis.has(certificate.spkiSha256))
    if (!pinned) return { slot: stats.FAIL_VERIFY_CERT_HASH, text: 'cert hash and spki' }
  }
  return null
}

/** Peers are known by their very certificate or key. */
export const isPinned = ({ hashes, spkis }: ValidationPlan): boolean => hashes.size + spkis.size > 0

/** Whether there is anything to check a peer by. */
export const checksPeers = (plan: ValidationPlan): boolean => plan.trustedCas.length > 0 || isPinned(plan)

function namesCertificate(name: string, { dnsSans, ipSans }: Certificate): boolean {
  return ipSans.includes(name) || dnsSans.some(inCertificate => dnsNameMatches(name, inCertificate))
}

function sanFailure({ sans }: Certificate): VerifyFailure {
  return { slot: stats.FAIL_VERIFY_SAN, text: `SAN matcher, certificate SANs are [${sans.join(', ')}]` }
}

function sanMatches({ fields, matches }: SanMatcher, certificate: Certificate): boolean {
  return fields.some(field => certificate[field].some(matches))
}
