import type { SecureContext, SecureContextOptions, SecureVersion } from 'node:tls'
import type { CommonTlsContextJson, TlsKeyLogJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { compileKeyPair, type KeyPair } from './key-pair.ts'
import { compileTlsParams, type TlsParams } from './tls-params.ts'
import { compileValidation, type ValidationPlan } from './validation.ts'

/** CommonTlsContext, compiled. */
export interface CommonTls {
  readonly params: TlsParams
  readonly keyPairs: readonly KeyPair[]
  readonly validation: ValidationPlan | null
  /** In order of preference. */
  readonly alpn: readonly string[]
  readonly keyLog: TlsKeyLogJson | null
}

/** Compiles CommonTlsContext. `maxVersion`: of the role, where the configuration names none. */
export function compileCommonContext(
  json: CommonTlsContextJson,
  maxVersion: SecureVersion,
  context: CompileContext,
  path: ConfigPath,
): CommonTls {
  const params = compileTlsParams(json.tlsParams, maxVersion, context, path.field('tls_params'))
  const keyPairs = (json.tlsCertificates ?? []).flatMap((one, i) => {
    return compileKeyPair(one, context, path.field('tls_certificates').index(i)) ?? []
  })
  const validation =
    json.validationContext === undefined
      ? null
      : compileValidation(json.validationContext, context, path.field('validation_context'))
  const common: CommonTls = {
    params,
    keyPairs,
    validation,
    alpn: json.alpnProtocols ?? [],
    keyLog: json.keyLog ?? null,
  }
  if (!context.diagnostics.failed) tryParams(common, context, path)
  return common
}

/** OpenSSL itself is the judge of cipher names, groups and the like. */
function tryParams(common: CommonTls, context: CompileContext, path: ConfigPath): void {
  try {
    makeSecureContext(common, null, {})
  } catch (error) {
    context.diagnostics.error(path, `OpenSSL refuses these settings: ${(error as Error).message}`)
  }
}

/** A context of OpenSSL for one certificate, or none. Costs a few hundred microseconds: made once per plan. */
export function makeSecureContext(common: CommonTls, pair: KeyPair | null, more: SecureContextOptions): SecureContext {
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  const { params, validation } = common
  return createSecureContext({
    minVersion: params.minVersion,
    maxVersion: params.maxVersion,
    ciphers: params.ciphers,
    ecdhCurve: params.ecdhCurve,
    ...(params.sigalgs === undefined ? {} : { sigalgs: params.sigalgs }),
    // An empty list keeps the roots that Node.js brings out of it.
    ca: validation === null ? [] : [...validation.trustedCas],
    ...(validation === null || validation.crls.length === 0 ? {} : { crl: [...validation.crls] }),
    ...(pair === null ? {} : { cert: pair.chain, key: pair.key }),
    ...(pair?.password === undefined ? {} : { passphrase: pair.password }),
    ...more,
  })
}

/** The form in which ALPN travels: each name behind its length. */
export function alpnWire(protocols: readonly string[]): Buffer {
  return Buffer.concat(protocols.flatMap(name => [Buffer.from([name.length]), Buffer.from(name, 'latin1')]))
}
