import { type CompileContext, ConfigPath, type Diagnostic, Diagnostics, loadResource } from '../config/index.ts'
import { compileListener } from '../downstream/index.ts'
import { compileRouteConfiguration } from '../router/index.ts'
import { compileCluster } from '../upstream/index.ts'
import type { UpdateFailure } from './messages.ts'
import type { ResourceChange } from './resource-store.ts'
import type { SecretHub } from './secrets/secret-hub.ts'
import type { ResourceSecrets } from './secrets/secret-uses.ts'
import { checkClusterSource, checkListenerSources } from './source-files.ts'

const MESSAGE_TYPES = {
  cluster: 'envoy.config.cluster.v3.Cluster',
  listener: 'envoy.config.listener.v3.Listener',
  route_configuration: 'envoy.config.route.v3.RouteConfiguration',
} as const

/** A resource as it arrives: any JSON, or null to remove it. */
export interface DynamicUpdate {
  readonly kind: keyof typeof MESSAGE_TYPES
  readonly name: string
  readonly resource: unknown
  readonly version?: string
}

/** What became of each resource, by name. */
export interface EachOutcome {
  readonly applied: readonly string[]
  readonly failed: ReadonlyMap<string, string>
}

export interface DynamicOutcome {
  /** Why nothing was changed; empty when all was applied. */
  readonly rejected: readonly Diagnostic[]
  /** Workers that could not apply it, such as an address that is taken. */
  readonly failures: readonly UpdateFailure[]
}

export interface DynamicTarget {
  readonly secrets: SecretHub
  context(): CompileContext
  applyChanges(changes: readonly ResourceChange[], isStatic: boolean): Promise<readonly UpdateFailure[]>
}

/** The door for resources that change while traffic runs: all of a batch is checked first, then applied, or none. */
export class DynamicResources {
  private readonly target: DynamicTarget

  constructor(target: DynamicTarget) {
    this.target = target
  }

  async apply(updates: readonly DynamicUpdate[]): Promise<DynamicOutcome> {
    const base = this.target.context()
    const added = new Set(updates.filter(({ kind }) => kind === 'cluster').map(({ name }) => name))
    const context = { ...base, hasCluster: (name: string) => added.has(name) || base.hasCluster(name) }
    const changes: ResourceChange[] = []
    const rejected: Diagnostic[] = []
    const asked: ResourceSecrets[] = []
    for (const update of updates) {
      const secrets = this.secretsOf(update)
      asked.push(secrets)
      const change = checked(update, { ...context, secrets }, rejected)
      if (change !== undefined) changes.push(change)
    }
    rejected.push(...context.diagnostics.list.filter(({ severity }) => severity === 'error'))
    if (rejected.length > 0) {
      for (const secrets of asked) secrets.drop()
      return { rejected, failures: [] }
    }
    return { rejected, failures: await this.take(changes, asked) }
  }

  private secretsOf({ kind, name }: DynamicUpdate): ResourceSecrets {
    return this.target.secrets.forResource(`${kind} ${name}`)
  }

  /** The secrets of earlier versions go once nothing of them is to come into force. */
  private async take(
    changes: readonly ResourceChange[],
    asked: readonly ResourceSecrets[],
  ): Promise<readonly UpdateFailure[]> {
    const failures = await this.target.applyChanges(changes, false)
    for (const secrets of asked) secrets.keep()
    for (const change of changes) {
      const gone = change.kind === 'cluster' ? change.cluster === null : change.resource === null
      if (gone) this.target.secrets.release(`${change.kind} ${change.name}`)
    }
    return failures
  }

  /** Applies what holds; resources have been read and checked as far as each shows by itself. */
  async applyEach(updates: readonly DynamicUpdate[]): Promise<EachOutcome> {
    const changes: ResourceChange[] = []
    const failed = new Map<string, string>()
    const base = this.target.context()
    const asked: ResourceSecrets[] = []
    for (const update of updates) {
      const { kind, name, resource, version = '' } = update
      const secrets = this.secretsOf(update)
      const context = { ...base, secrets, diagnostics: new Diagnostics() }
      const change = resource === null ? removal(kind, name) : compiled(kind, name, resource as object, context)
      const { list, failed: wrong } = context.diagnostics
      if (wrong) {
        secrets.drop()
        failed.set(name, list.map(({ path, message }) => `${path}: ${message}`).join('; '))
        continue
      }
      asked.push(secrets)
      if (change !== undefined) changes.push({ ...change, version })
    }
    for (const { name, message } of await this.take(changes, asked)) failed.set(name, message)
    return { applied: changes.flatMap(({ name }) => (failed.has(name) ? [] : [name])), failed }
  }
}

function checked(update: DynamicUpdate, context: CompileContext, rejected: Diagnostic[]): ResourceChange | undefined {
  const { kind, name } = update
  if (update.resource === null) return removal(kind, name)
  const { resource, diagnostics } = loadResource(MESSAGE_TYPES[kind], { json: update.resource })
  rejected.push(...diagnostics.list.filter(({ severity }) => severity === 'error'))
  return resource === undefined ? undefined : compiled(kind, name, resource, context)
}

function removal(kind: DynamicUpdate['kind'], name: string): ResourceChange | undefined {
  if (kind === 'cluster') return { kind, name, cluster: null }
  // A route table goes with the listener that uses it.
  return kind === 'listener' ? { kind, name, resource: null } : undefined
}

function compiled(
  kind: DynamicUpdate['kind'],
  name: string,
  resource: object,
  context: CompileContext,
): ResourceChange {
  if (kind === 'cluster') {
    const plan = compileCluster(resource, context, ConfigPath.root)
    checkClusterSource(plan, context.diagnostics, ConfigPath.root)
    return { kind, name, cluster: { resource, plan } }
  }
  if (kind === 'listener') {
    compileListener(resource, context, ConfigPath.root)
    checkListenerSources(resource, context.diagnostics, ConfigPath.root)
    return { kind, name, resource }
  }
  compileRouteConfiguration(resource, context, ConfigPath.root)
  return { kind, name, source: null, resource }
}
