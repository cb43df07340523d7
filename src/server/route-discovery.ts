// Main's side of RDS: which route tables listeners ask for by name, and what their sources say.
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import {
  type CompileContext,
  ConfigPath,
  type ConfigSourcePlan,
  compileConfigSource,
  Diagnostics,
  type DiscoveredResource,
  type DiscoveredSet,
  type Refusal,
  type Subscription,
  type SubscriptionOwner,
  SubscriptionStats,
  type Subscriptions,
} from '../config/index.ts'
import { type StatStore, statTemplate } from '../observability/index.ts'
import { compileRouteConfiguration } from '../router/index.ts'
import type { ResourceUpdate, RouteUpdate } from './messages.ts'
import { connectionManagers } from './resource-store.ts'
import { routeTableKey } from './route-tables.ts'
import type { SecretHub } from './secrets/secret-hub.ts'

const TYPE = 'envoy.config.route.v3.RouteConfiguration'
const RDS = statTemplate({ counters: ['config_reload', 'update_empty'], gauges: ['config_reload_time_ms'] })

export interface RouteDiscoveryOwner {
  readonly secrets: SecretHub
  readonly subscriptions: Subscriptions
  readonly stats: StatStore
  context(): CompileContext
  /** A table is another one now. */
  onRoutes(update: RouteUpdate, version: string): void
  /** Nothing counts below this prefix any more, but perhaps another table of the same name. */
  onStatsLeft(prefix: string): void
  /** Nobody asks for a table any more. */
  onForgotten(key: string): void
}

interface Wanted {
  readonly name: string
  readonly source: ConfigSourcePlan
  readonly statPrefix: string
  /** Of the source in the listener. */
  readonly path: ConfigPath
}

/** The route tables that a listener asks for by name. */
export function* wantedTables(listener: ListenerJson, listenerPath: ConfigPath): Iterable<Wanted> {
  for (const { manager, path } of connectionManagers(listener, listenerPath)) {
    const at = path.field('rds').field('config_source')
    // Its compile function has reported what is wrong with it.
    const context = { diagnostics: new Diagnostics() } as CompileContext
    const source = manager.rds === undefined ? null : compileConfigSource(manager.rds.configSource, context, at)
    if (source === null) continue
    const statPrefix = (manager.statPrefix ?? '').replaceAll(':', '_')
    yield { name: manager.rds?.routeConfigName ?? '', source, statPrefix, path: at }
  }
}

export class RouteDiscovery {
  private readonly owner: RouteDiscoveryOwner
  private readonly tables = new Map<string, DiscoveredTable>()

  constructor(owner: RouteDiscoveryOwner) {
    this.owner = owner
  }

  /** Brings what these listeners ask for; what a file says is told before this returns. */
  begin(listeners: Iterable<ListenerJson>): void {
    for (const listener of listeners) {
      for (const wanted of wantedTables(listener, ConfigPath.root)) {
        const key = routeTableKey(wanted.name, wanted.source.key)
        if (this.tables.has(key)) continue
        const table = new DiscoveredTable(wanted, this.owner)
        this.tables.set(key, table)
        table.start()
      }
    }
  }

  /** Settles when all tables that a listener asks for have come, or not in time; null: they are there. */
  whenReady(listener: ListenerJson): Promise<unknown> | null {
    const waits: Promise<void>[] = []
    for (const { name, source } of wantedTables(listener, ConfigPath.root)) {
      const ready = this.tables.get(routeTableKey(name, source.key))?.ready ?? null
      if (ready !== null) waits.push(ready)
    }
    return waits.length === 0 ? null : Promise.all(waits)
  }

  *statPrefixes(): Iterable<string> {
    for (const { statPrefix } of this.tables.values()) yield statPrefix
  }

  /** Ends what none of all listeners asks for any more, and says so to workers. */
  end(listeners: Iterable<ListenerJson>): readonly ResourceUpdate[] {
    if (this.tables.size === 0) return []
    const wanted = new Set<string>()
    for (const listener of listeners) {
      for (const { name, source } of wantedTables(listener, ConfigPath.root))
        wanted.add(routeTableKey(name, source.key))
    }
    const gone: ResourceUpdate[] = []
    for (const [key, table] of this.tables) {
      if (wanted.has(key)) continue
      this.tables.delete(key)
      table.stop()
      this.owner.onForgotten(key)
      gone.push({ kind: 'route_configuration_removed', name: table.name, source: table.source })
    }
    return gone
  }
}

class DiscoveredTable implements SubscriptionOwner {
  readonly name: string
  readonly statPrefix: string
  readonly source: string
  /** Settles with the first answer; null: it has come, or was waited for long enough. */
  ready: Promise<void> | null = null
  private readonly owner: RouteDiscoveryOwner
  private readonly subscription: Subscription
  private readonly stats: SubscriptionStats
  private readonly cells: Float64Array
  private text = ''

  constructor({ name, source, statPrefix }: Wanted, owner: RouteDiscoveryOwner) {
    this.name = name
    this.source = source.key
    this.owner = owner
    const prefix = `http.${statPrefix}.rds.${name}.`
    this.statPrefix = prefix
    this.stats = new SubscriptionStats(owner.stats, prefix)
    this.cells = owner.stats.block(prefix, RDS).cells
    this.subscription = owner.subscriptions.subscribe({
      source,
      typeName: TYPE,
      names: [name],
      statPrefix: prefix,
      owner: this,
    })
  }

  start(): void {
    const first = this.subscription.start()
    if (first === null) return
    this.ready = first.then(() => {
      this.ready = null
    })
  }

  stop(): void {
    this.subscription.stop()
    this.owner.secrets.release(this.key)
    this.owner.onStatsLeft(this.statPrefix)
  }

  /** By which its secrets are known. */
  private get key(): string {
    return `routes ${routeTableKey(this.name, this.source)}`
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

  onResources({ resources, version, expired }: DiscoveredSet): Refusal {
    if (expired === true) this.replace({ name: this.name, validateClusters: false }, version)
    if (resources.length === 0) {
      this.cells[RDS.slot('update_empty')]! += 1
      return null
    }
    if (resources.length > 1) return `Unexpected RDS resource length: ${resources.length}`
    const [found] = resources as readonly [DiscoveredResource]
    if (found.name !== this.name) return `Unexpected RDS configuration (expecting ${this.name}): ${found.name}`
    // As in Envoy, clusters may come later than the routes to them, unless it is asked for that they do not.
    const resource: RouteConfigurationJson = { validateClusters: false, ...found.resource }
    const diagnostics = new Diagnostics()
    const secrets = this.owner.secrets.forResource(this.key)
    compileRouteConfiguration(resource, { ...this.owner.context(), secrets, diagnostics }, ConfigPath.root)
    if (diagnostics.failed) {
      secrets.drop()
      return diagnostics.list.map(({ path, message }) => `${path}: ${message}`).join('; ')
    }
    this.replace(resource, found.version)
    secrets.keep()
    return null
  }

  private replace(resource: RouteConfigurationJson, version: string): void {
    const text = JSON.stringify(resource)
    if (text === this.text) return
    this.text = text
    this.cells[RDS.slot('config_reload')]! += 1
    this.cells[RDS.slot('config_reload_time_ms')] = Date.now()
    const { name, source } = this
    this.owner.onRoutes({ kind: 'route_configuration', name, source, resource }, version)
  }
}
