// CDS and LDS: all clusters, or all listeners, that a source names; what it names no longer goes.
import { xxHash64 } from '../base/index.ts'
import type { DiscoveredResource, DiscoveredSet, Refusal, SubscriptionOwner } from '../config/index.ts'
import type { DynamicUpdate, EachOutcome } from './dynamic-resources.ts'
import type { ReloadStats } from './reload-stats.ts'

/** What comes again unchanged is often the same object. */
const hashes = new WeakMap<object, bigint>()

function hashOf(resource: object): bigint {
  let hash = hashes.get(resource)
  if (hash === undefined) hashes.set(resource, (hash = xxHash64(JSON.stringify(resource))))
  return hash
}

export interface DiscoveredSetOptions {
  readonly kind: 'cluster' | 'listener'
  readonly statPrefix: string
  /** Made when there is a source. */
  readonly stats: () => ReloadStats
  /** Static resources are not for a control plane to change. */
  isStatic(name: string): boolean
  applyEach(updates: readonly DynamicUpdate[]): Promise<EachOutcome>
  /** Of what is named, or of all (null), these are not in force as they came. */
  onRefused(named: Iterable<string> | null, refused: ReadonlyMap<string, RefusedResource>): void
}

export interface RefusedResource {
  readonly resource: object
  readonly details: string
}

export class DiscoveredResourceSet implements SubscriptionOwner {
  private readonly options: DiscoveredSetOptions
  private made: ReloadStats | null = null
  /** Resources in force, by name: a hash of each, to tell what has changed. */
  private readonly known = new Map<string, bigint>()
  /** Of the last set that changed anything. */
  version = ''

  constructor(options: DiscoveredSetOptions) {
    this.options = options
  }

  get statPrefix(): string {
    return this.options.statPrefix
  }

  private get stats(): ReloadStats {
    return (this.made ??= this.options.stats())
  }

  onAttempt(): void {
    this.stats.onAttempt()
  }

  onAccepted(version: string): void {
    this.stats.onAccepted(version)
  }

  onRejected(): void {
    this.stats.onRejected()
  }

  onFailure(): void {
    this.stats.onFailure()
  }

  onFetchTimeout(): void {
    this.stats.onFetchTimeout()
  }

  /** As in Envoy, what holds is applied even where another resource of the set does not. */
  async onResources({ version, resources, removed }: DiscoveredSet): Promise<Refusal> {
    const { kind } = this.options
    const problems: string[] = []
    const named = new Map<string, DiscoveredResource>()
    for (const resource of resources) {
      const { name } = resource
      if (name === '') problems.push(`a ${kind} without a name`)
      else if (named.has(name)) problems.push(`${name}: duplicate ${kind} ${name} found`)
      else if (!this.options.isStatic(name)) named.set(name, resource)
    }
    const changed = new Map<string, bigint>()
    const updates: DynamicUpdate[] = []
    for (const [name, { resource, version: own }] of named) {
      const hash = hashOf(resource)
      if (this.known.get(name) === hash) continue
      changed.set(name, hash)
      updates.push({ kind, name, resource, version: own })
    }
    const gone = removed === null ? [...this.known.keys()].filter(name => !named.has(name)) : removed
    for (const name of gone) if (this.known.has(name)) updates.push({ kind, name, resource: null })
    const refused = new Map<string, RefusedResource>()
    if (updates.length > 0) {
      const { applied, failed } = await this.options.applyEach(updates)
      for (const name of applied) this.note(name, changed.get(name))
      for (const [name, details] of failed) {
        problems.push(`${name}: ${details}`)
        refused.set(name, { resource: named.get(name)?.resource ?? {}, details })
      }
      if (applied.length > 0) {
        this.version = version
        this.stats.onReload()
      }
    }
    this.options.onRefused(removed === null ? null : [...named.keys(), ...removed], refused)
    return problems.length === 0 ? null : `Error adding/updating ${kind}(s) ${problems.join(', ')}`
  }

  private note(name: string, hash: bigint | undefined): void {
    if (hash === undefined) this.known.delete(name)
    else this.known.set(name, hash)
  }
}
