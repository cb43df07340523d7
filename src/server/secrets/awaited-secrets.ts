// Which secrets of servers a resource names.
import type { SdsSecretConfigJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'

/** Every SdsSecretConfig with a server behind it that stands anywhere in `resource`. */
export function* namedSecrets(resource: unknown): Iterable<SdsSecretConfigJson> {
  if (typeof resource !== 'object' || resource === null) return
  const { sdsConfig } = resource as SdsSecretConfigJson
  if (sdsConfig?.ads !== undefined || sdsConfig?.apiConfigSource !== undefined) yield resource as SdsSecretConfigJson
  for (const value of Object.values(resource)) if (typeof value === 'object') yield* namedSecrets(value)
}
