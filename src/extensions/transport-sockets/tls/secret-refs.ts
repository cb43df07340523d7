import type { SdsSecretConfigJson, SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  fixedSecrets,
  namedSecret,
  type SecretCheck,
  type SecretKind,
  type SecretRef,
} from '../../../config/index.ts'

/** The reference to a secret that is written in place; `path` is that of what it holds. */
export function inPlace(
  kind: SecretKind,
  secret: SecretJson,
  check: SecretCheck,
  context: CompileContext,
  path: ConfigPath,
): SecretRef | undefined {
  return (context.secrets ?? fixedSecrets).find({ kind, secret }, check, context, path)
}

/** The reference to a secret by its name, among the static ones or in a file of secrets. */
export function byName(
  kind: SecretKind,
  json: SdsSecretConfigJson,
  check: SecretCheck,
  context: CompileContext,
  path: ConfigPath,
): SecretRef | undefined {
  const origin = namedSecret(kind, json, context, path)
  return origin === null ? undefined : (context.secrets ?? fixedSecrets).find(origin, check, context, path)
}
