// Secrets that are mere bytes: passwords, keys of signatures, tokens.
import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { SdsSecretConfigJson, SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'
import { fixedSecrets, namedSecret, type SecretCheck, type SecretRef } from './secrets.ts'
import { declareSupport } from './support.ts'

declareSupport('envoy.extensions.transport_sockets.tls.v3.GenericSecret', {
  supported: ['secret'],
  refused: { secrets: 'nothing in this release reads secrets of several parts; give each a secret of its own' },
})

/** A secret in use; `bytes` follows when its source changes. */
export class GenericSecret {
  private readonly ref: SecretRef
  private read: SecretJson | null = null
  private content: Buffer = Buffer.alloc(0)

  constructor(ref: SecretRef) {
    this.ref = ref
  }

  get bytes(): Buffer {
    const { current } = this.ref
    if (current !== this.read) {
      this.read = current
      this.content = bytesOf(current.genericSecret?.secret ?? {})
    }
    return this.content
  }

  /** latin1: a character per byte, as headers are. */
  get text(): string {
    return this.bytes.toString('latin1')
  }
}

/** Secrets stand inline once they are found. */
function bytesOf({ inlineString, inlineBytes }: DataSourceJson): Buffer {
  return inlineBytes === undefined ? Buffer.from(inlineString ?? '', 'utf8') : Buffer.from(inlineBytes, 'base64')
}

/** The secret that `json` names, among the static ones or in a file of secrets; undefined after a diagnostic. */
export function findGenericSecret(
  json: SdsSecretConfigJson,
  check: SecretCheck,
  context: CompileContext,
  path: ConfigPath,
): GenericSecret | undefined {
  const origin = namedSecret('genericSecret', json, context, path)
  if (origin === null) return undefined
  const ref = (context.secrets ?? fixedSecrets).find(origin, check, context, path)
  return ref === undefined ? undefined : new GenericSecret(ref)
}
