// Which resources use which secrets. Control planes send resources anew all the time, each time perhaps with another
// certificate in it: a secret that nobody uses any more must go.
import type {
  CompileContext,
  ConfigPath,
  SecretCheck,
  SecretGroup,
  SecretOrigin,
  SecretRef,
  Secrets,
} from '../../config/index.ts'
import { secretKey } from './worker-secrets.ts'

/**
 * Versions of a resource whose secrets are kept: the newest, and the one before, which serves while the newest waits for
 * something or cannot be applied.
 */
const KEPT_VERSIONS = 2

/** What one version of a resource asks for while it is compiled: `keep` or `drop` follows. */
export class ResourceSecrets implements Secrets {
  readonly resource: string
  readonly keys = new Set<string>()
  readonly groups: SecretGroup[] = []
  private readonly hub: Secrets
  private readonly uses: SecretUses

  constructor(resource: string, hub: Secrets, uses: SecretUses) {
    this.resource = resource
    this.hub = hub
    this.uses = uses
  }

  get seed(): Uint8Array {
    return this.hub.seed
  }

  find(origin: SecretOrigin, check: SecretCheck, context: CompileContext, path: ConfigPath): SecretRef | undefined {
    const ref = this.hub.find(origin, check, context, path)
    const key = secretKey(origin)
    if (ref !== undefined && !this.keys.has(key)) {
      this.keys.add(key)
      this.uses.add(key)
    }
    return ref
  }

  noteGroup(group: SecretGroup): void {
    this.groups.push(group)
  }

  /** The resource is to be in force. */
  keep(): void {
    this.uses.keep(this)
  }

  /** The resource is refused. */
  drop(): void {
    this.uses.drop([this])
  }
}

export class SecretUses {
  private readonly onUnused: (keys: readonly string[]) => void
  /** How many versions of resources use a secret; what the bootstrap uses is not counted and stays. */
  private readonly counts = new Map<string, number>()
  /** Newest first. */
  private readonly versions = new Map<string, readonly ResourceSecrets[]>()

  constructor(onUnused: (keys: readonly string[]) => void) {
    this.onUnused = onUnused
  }

  add(key: string): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
  }

  keep(newest: ResourceSecrets): void {
    const { resource, keys, groups } = newest
    const before = this.versions.get(resource) ?? []
    // Most resources have no secrets: nothing is kept of them.
    if (keys.size === 0 && groups.length === 0 && before.every(({ keys }) => keys.size === 0)) {
      this.versions.delete(resource)
      return
    }
    const all = [newest, ...before]
    this.versions.set(resource, all.slice(0, KEPT_VERSIONS))
    this.drop(all.slice(KEPT_VERSIONS))
  }

  /** A resource has gone. */
  forget(resource: string): void {
    const gone = this.versions.get(resource) ?? []
    this.versions.delete(resource)
    this.drop(gone)
  }

  drop(gone: readonly ResourceSecrets[]): void {
    const unused: string[] = []
    for (const { keys } of gone) {
      for (const key of keys) {
        const left = (this.counts.get(key) as number) - 1
        if (left > 0) {
          this.counts.set(key, left)
        } else {
          this.counts.delete(key)
          unused.push(key)
        }
      }
    }
    if (unused.length > 0) this.onUnused(unused)
  }

  /** Of the resources in force. */
  *groups(): Iterable<SecretGroup> {
    for (const [newest] of this.versions.values()) yield* newest?.groups ?? []
  }
}
