// Secrets: certificates with keys, authorities to trust, keys of session tickets, passwords. They may be replaced
// while traffic runs, so whoever uses one asks for it here and hears of newer ones.
import type { SdsSecretConfigJson, SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'
import { type ConfigSourcePlan, compileConfigSource } from './config-source.ts'
import { Diagnostics } from './diagnostics.ts'
import { inlineDataSources } from './inline-data-sources.ts'

export type SecretKind = 'tlsCertificate' | 'validationContext' | 'sessionTicketKeys' | 'genericSecret'

/** Where a secret comes from: written in place, named among the static ones (`file` null), in a file of its own, or a server. */
export type SecretOrigin =
  | { readonly kind: SecretKind; readonly secret: SecretJson }
  | { readonly kind: SecretKind; readonly name: string; readonly file: string | null }
  | DiscoveredSecretOrigin

export interface DiscoveredSecretOrigin {
  readonly kind: SecretKind
  readonly name: string
  readonly source: ConfigSourcePlan
}

/** The origin that SdsSecretConfig names; null after a diagnostic. */
export function namedSecret(
  kind: SecretKind,
  { name = '', sdsConfig }: SdsSecretConfigJson,
  context: CompileContext,
  path: ConfigPath,
): SecretOrigin | null {
  if (sdsConfig === undefined) return { kind, name, file: null }
  const source = compileConfigSource(sdsConfig, context, path.field('sds_config'))
  if (source === null) return null
  return source.kind === 'file' ? { kind, name, file: source.file } : { kind, name, source }
}

/** Told when a newer secret is in force. */
export interface SecretUser {
  onSecretChange(): void
}

/** A secret in use. */
export interface SecretRef {
  /** '' when it is written in place. */
  readonly name: string
  /** It comes from a file of secrets. */
  readonly fromFile: boolean
  /** The newest good one, every data source inline. */
  readonly current: SecretJson
  /** Held weakly: a user that is gone hears nothing. */
  addUser(user: SecretUser): void
}

/** Reports what is wrong with a secret, at `path` and below; true when it is good. */
export type SecretCheck = (secret: SecretJson, context: CompileContext, path: ConfigPath) => boolean

/** The secrets that belong together in one TLS configuration: the admin interface lists them so. */
export interface SecretGroup {
  readonly certificates: readonly SecretRef[]
  readonly validation: readonly SecretRef[]
}

export interface Secrets {
  /** What is wrong is reported at `path`, that of the secret or of its reference; the answer is then undefined. */
  find(origin: SecretOrigin, check: SecretCheck, context: CompileContext, path: ConfigPath): SecretRef | undefined
  noteGroup(group: SecretGroup): void
  /** Random bytes that all threads of this process share. */
  readonly seed: Uint8Array
}

class FixedSecret implements SecretRef {
  readonly name: string
  readonly fromFile = false
  readonly current: SecretJson

  constructor(name: string, current: SecretJson) {
    this.name = name
    this.current = current
  }

  addUser(): void {}
}

/** Secrets that are written in place and read once: what a context without secrets of its own offers. */
export const fixedSecrets: Secrets = {
  find(origin, check, context, path) {
    if (!('secret' in origin)) {
      context.diagnostics.error(path, `no secret named '${origin.name}' is known here`)
      return undefined
    }
    const secret = inlineSecret(origin.kind, origin.secret, context, path)
    return secret === undefined || !check(secret, context, path) ? undefined : new FixedSecret('', secret)
  },
  noteGroup() {},
  seed: crypto.getRandomValues(new Uint8Array(32)),
}

/**
 * Reads every data source of a secret; `path` is that of what the secret holds. Undefined when one cannot be read, which
 * is reported.
 */
export function inlineSecret(
  kind: SecretKind,
  secret: SecretJson,
  context: CompileContext,
  path: ConfigPath,
  onFile: (file: string) => void = () => {},
): SecretJson | undefined {
  const diagnostics = new Diagnostics()
  const inline = inlineDataSources(secret[kind], { ...context, diagnostics }, path, onFile)
  context.diagnostics.list.push(...diagnostics.list)
  return diagnostics.failed ? undefined : ({ name: secret.name ?? '', [kind]: inline } as SecretJson)
}
