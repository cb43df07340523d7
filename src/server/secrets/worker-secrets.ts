import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { CompileContext, ConfigPath, SecretCheck, SecretOrigin, SecretRef, Secrets } from '../../config/index.ts'
import { SecretEntry } from './secret-entry.ts'

/** What main tells workers of one secret; plain data. */
export interface SecretUpdate {
  readonly key: string
  readonly name: string
  readonly fromFile: boolean
  readonly secret: SecretJson
}

export const secretKey = (origin: SecretOrigin): string => JSON.stringify(origin)

/** The secrets of one worker: main reads, checks and sends them; nothing is read from files here. */
export class WorkerSecrets implements Secrets {
  readonly seed: Uint8Array
  private readonly entries = new Map<string, SecretEntry>()

  constructor(secrets: readonly SecretUpdate[], seed: Uint8Array) {
    this.seed = seed
    for (const update of secrets) this.apply(update)
  }

  apply({ key, name, fromFile, secret }: SecretUpdate): void {
    const entry = this.entries.get(key)
    if (entry === undefined) this.entries.set(key, new SecretEntry(name, fromFile, secret))
    else entry.replace(secret)
  }

  /** Nothing that is in force names these; what is left of what did keeps them as they are. */
  forget(keys: readonly string[]): void {
    for (const key of keys) this.entries.delete(key)
  }

  find(origin: SecretOrigin, _check: SecretCheck, context: CompileContext, path: ConfigPath): SecretRef | undefined {
    const entry = this.entries.get(secretKey(origin))
    if (entry === undefined) context.diagnostics.error(path, 'the secret has not reached this worker')
    return entry
  }

  noteGroup(): void {}
}

export function secretUpdates(
  updates: readonly SecretUpdate[],
): readonly ({ readonly kind: 'secret' } & SecretUpdate)[] {
  return updates.map(update => ({ kind: 'secret' as const, ...update }))
}
