import type { SecureContext, SecureContextOptions, SecureVersion } from 'node:tls'
import type { CertificateValidationContextJson } from '#api/envoy/extensions/transport_sockets/tls/v3/common_pb.ts'
import type { CommonTlsContextJson, TlsKeyLogJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, fixedSecrets, type SecretRef } from '../../../config/index.ts'
import { checkKeyPair, type KeyPair, readKeyPair } from './key-pair.ts'
import { byName, inPlace } from './secret-refs.ts'
import { compileTlsParams, type TlsParams } from './tls-params.ts'
import { checkValidation, compileValidation, mergeValidation, type ValidationPlan } from './validation.ts'

/** CommonTlsContext, compiled; secrets are read when they are needed. */
export interface CommonTls {
  readonly params: TlsParams
  readonly certificates: readonly SecretRef[]
  readonly validation: ValidationSource | null
  /** In order of preference. */
  readonly alpn: readonly string[]
  readonly keyLog: TlsKeyLogJson | null
  readonly context: CompileContext
}

interface ValidationSource {
  /** What the configuration says around the secret; null: nothing. */
  readonly defaults: SecretRef | null
  readonly secret: SecretRef | null
}

/** The secrets of a TLS context as they stand at one moment. */
export interface TlsMaterial {
  readonly keyPairs: readonly KeyPair[]
  readonly validation: ValidationPlan | null
}

/** Compiles CommonTlsContext. `maxVersion`: of the role, where the configuration names none. */
export function compileCommonContext(
  json: CommonTlsContextJson,
  maxVersion: SecureVersion,
  context: CompileContext,
  path: ConfigPath,
): CommonTls {
  const params = compileTlsParams(json.tlsParams, maxVersion, context, path.field('tls_params'))
  const certificates = compileCertificates(json, context, path)
  const validation = compileValidationSource(json, context, path)
  const common: CommonTls = {
    params,
    certificates,
    validation,
    alpn: json.alpnProtocols ?? [],
    keyLog: json.keyLog ?? null,
    context,
  }
  ;(context.secrets ?? fixedSecrets).noteGroup({ certificates, validation: validationRefs(common) })
  tryParams(common, context, path.field('tls_params'))
  return common
}

function compileCertificates(
  json: CommonTlsContextJson,
  context: CompileContext,
  path: ConfigPath,
): readonly SecretRef[] {
  const written = (json.tlsCertificates ?? []).map((tlsCertificate, i) =>
    inPlace('tlsCertificate', { tlsCertificate }, checkKeyPair, context, path.field('tls_certificates').index(i)),
  )
  const sdsPath = path.field('tls_certificate_sds_secret_configs')
  const named = (json.tlsCertificateSdsSecretConfigs ?? []).map((config, i) =>
    byName('tlsCertificate', config, checkKeyPair, context, sdsPath.index(i)),
  )
  return [...written, ...named].filter(ref => ref !== undefined)
}

function compileValidationSource(
  json: CommonTlsContextJson,
  context: CompileContext,
  path: ConfigPath,
): ValidationSource | null {
  const { combinedValidationContext: combined, validationContext, validationContextSdsSecretConfig: sds } = json
  const written = (written: CertificateValidationContextJson, at: ConfigPath, partial: boolean): SecretRef | null => {
    const check = partial ? () => true : checkValidation
    return inPlace('validationContext', { validationContext: written }, check, context, at) ?? null
  }
  if (validationContext !== undefined) {
    return { defaults: null, secret: written(validationContext, path.field('validation_context'), false) }
  }
  if (sds !== undefined) {
    const at = path.field('validation_context_sds_secret_config')
    return { defaults: null, secret: byName('validationContext', sds, checkValidation, context, at) ?? null }
  }
  if (combined === undefined) return null
  const at = path.field('combined_validation_context')
  const source = combined.validationContextSdsSecretConfig
  const secretAt = at.field('validation_context_sds_secret_config')
  const secret =
    source === undefined ? undefined : byName('validationContext', source, checkValidation, context, secretAt)
  const defaults = written(combined.defaultValidationContext ?? {}, at.field('default_validation_context'), true)
  const found: ValidationSource = { defaults, secret: secret ?? null }
  if (secret !== undefined) compileValidation(mergedValidation(found), context, at)
  return found
}

/** The secrets by which peers are checked. */
export function validationRefs({ validation }: CommonTls): readonly SecretRef[] {
  return [validation?.defaults ?? null, validation?.secret ?? null].filter(ref => ref !== null)
}

function mergedValidation({ defaults, secret }: ValidationSource): CertificateValidationContextJson {
  return mergeValidation(defaults?.current.validationContext ?? {}, secret?.current.validationContext ?? {})
}

/** Reads the secrets as they stand; all of them have been checked. */
export function currentMaterial({ certificates, validation, context }: CommonTls): TlsMaterial {
  const quiet = { ...context, diagnostics: new Diagnostics() }
  return {
    keyPairs: certificates.flatMap(ref => {
      const pair = readKeyPair(ref.current)
      return 'problem' in pair ? [] : [pair]
    }),
    validation: validation === null ? null : compileValidation(mergedValidation(validation), quiet, ConfigPath.root),
  }
}

/** OpenSSL itself is the judge of cipher names, groups and the like. */
function tryParams({ params }: CommonTls, context: CompileContext, path: ConfigPath): void {
  try {
    makeSecureContext(params, null, null, {})
  } catch (error) {
    context.diagnostics.error(path, `OpenSSL refuses these settings: ${(error as Error).message}`)
  }
}

/** A context of OpenSSL for one certificate, or none. Costs a few hundred microseconds: made once per certificate. */
export function makeSecureContext(
  params: TlsParams,
  pair: KeyPair | null,
  validation: ValidationPlan | null,
  more: SecureContextOptions,
): SecureContext {
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  return createSecureContext({
    minVersion: params.minVersion,
    maxVersion: params.maxVersion,
    ciphers: params.ciphers,
    ecdhCurve: params.ecdhCurve,
    ...(params.sigalgs === undefined ? {} : { sigalgs: params.sigalgs }),
    // As Envoy: an intermediate in the list is an anchor as good as a root.
    allowPartialTrustChain: true,
    // An empty list keeps the roots that Node.js brings out of it.
    ca: validation === null ? [] : [...validation.trustedCas],
    ...(validation === null || validation.crls.length === 0 ? {} : { crl: [...validation.crls] }),
    ...pair?.credentials,
    ...more,
  })
}

/** The form in which ALPN travels: each name behind its length. */
export function alpnWire(protocols: readonly string[]): Buffer {
  return Buffer.concat(protocols.flatMap(name => [Buffer.from([name.length]), Buffer.from(name, 'latin1')]))
}
