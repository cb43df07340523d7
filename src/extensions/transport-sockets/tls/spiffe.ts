// The validator envoy.tls.cert_validator.spiffe: each trust domain has authorities of its own.

import type { X509Certificate } from 'node:crypto'
import type { SPIFFECertValidatorConfigJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts'
import { type CompileContext, type ConfigPath, typeName } from '../../../config/index.ts'
import type { Certificate } from '../../../net/index.ts'
import { keyUsageOf } from './der.ts'
import { inlineBytes } from './key-pair.ts'

const TYPE = 'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig'

/** Trust domain -> its authorities. */
export type SpiffeTrust = ReadonlyMap<string, readonly X509Certificate[]>

/** Compiles CertificateValidationContext.custom_validator_config; undefined when it is of another kind, which is reported. */
export function compileSpiffe(
  config: { readonly '@type'?: string } | undefined,
  context: CompileContext,
  path: ConfigPath,
): SpiffeTrust | undefined {
  const type = config === undefined ? '' : typeName(config)
  if (type !== TYPE) {
    context.diagnostics.error(path.field('typed_config'), 'no such certificate validator is known', {
      expected: TYPE,
      found: type,
    })
    return undefined
  }
  const domains = new Map<string, readonly X509Certificate[]>()
  const at = path.field('typed_config').field('trust_domains')
  ;(config as SPIFFECertValidatorConfigJson).trustDomains?.forEach((domain, i) => {
    const name = domain.name ?? ''
    if (domains.has(name)) context.diagnostics.error(at.index(i).field('name'), `the trust domain ${name} stands twice`)
    domains.set(name, authorities(inlineBytes(domain.trustBundle), context, at.index(i).field('trust_bundle')))
  })
  return domains
}

function authorities(pem: Buffer | undefined, context: CompileContext, path: ConfigPath): readonly X509Certificate[] {
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  const blocks = pem?.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    if (blocks.length > 0) return blocks.map(block => new X509Certificate(block))
    context.diagnostics.error(path, 'holds no certificate in PEM form')
  } catch (error) {
    context.diagnostics.error(path, `cannot be read: ${(error as Error).message}`)
  }
  return []
}

/** PEM of every authority: what OpenSSL builds chains with. */
export function allAuthorities(trust: SpiffeTrust): readonly string[] {
  return [...trust.values()].flat().map(certificate => certificate.toString())
}

/** keyCertSign and cRLSign. */
const SIGNS = 0x0600

/** What is wrong with a certificate itself, whoever has signed it, or null. */
export function spiffeLeafProblem(trust: SpiffeTrust, certificate: Certificate): string | null {
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  const usage = keyUsageOf(certificate.der)
  // What does not say what its key is for could sign as well.
  if (usage === null || (usage & SIGNS) !== 0 || new X509Certificate(certificate.der).ca) return 'cert precheck'
  return rootsOf(trust, certificate) === undefined ? 'no trust bundle store' : null
}

function rootsOf(trust: SpiffeTrust, { uriSans }: Certificate): readonly X509Certificate[] | undefined {
  const domain = /^spiffe:\/\/([^/]+)\//.exec(uriSans[0] ?? '')?.[1]
  return domain === undefined ? undefined : trust.get(domain)
}

/**
 * Whether a certificate that OpenSSL has found a chain for belongs to its trust domain. That chain may lead to an
 * authority of any domain, so its links are followed once more to one of the certificate's own.
 */
export function isOfItsDomain(trust: SpiffeTrust, certificate: Certificate): boolean {
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  const roots = rootsOf(trust, certificate) ?? []
  const now = Date.now()
  let current = new X509Certificate(certificate.der)
  for (let next = certificate.next; ; next = next.next) {
    if (roots.some(root => isIssuedBy(current, root))) return true
    if (next === null) return false
    const issuer = new X509Certificate(next.der)
    if (!isIssuedBy(current, issuer) || !issuer.ca || Date.parse(issuer.validTo) < now) return false
    current = issuer
  }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
