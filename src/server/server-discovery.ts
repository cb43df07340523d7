// What a running server discovers besides hosts: clusters (CDS), listeners (LDS) and route tables (RDS).
import type { CompileContext, ConfigSourcePlan, Subscriptions } from '../config/index.ts'
import type { StatStore } from '../observability/index.ts'
import { DiscoveredResourceSet, type RefusedResource } from './discovered-set.ts'
import { DynamicResources, type DynamicTarget } from './dynamic-resources.ts'
import type { RouteUpdate } from './messages.ts'
import { ReloadStats } from './reload-stats.ts'
import type { ResourceStore } from './resource-store.ts'
import { RouteDiscovery } from './route-discovery.ts'

const TYPES = {
  cluster: 'envoy.config.cluster.v3.Cluster',
  listener: 'envoy.config.listener.v3.Listener',
} as const

export interface DiscoveringServer extends DynamicTarget {
  readonly stats: StatStore
  readonly subscriptions: Subscriptions
  readonly resources: ResourceStore
  context(): CompileContext
}

export class ServerDiscovery {
  readonly routes: RouteDiscovery
  readonly clusters: DiscoveredResourceSet
  readonly listeners: DiscoveredResourceSet
  private readonly server: DiscoveringServer
  private readonly dynamic: DynamicResources

  constructor(
    server: DiscoveringServer,
    {
      onRoutes,
      onStatsLeft,
    }: {
      readonly onRoutes: (update: RouteUpdate, version: string) => void
      readonly onStatsLeft: (prefix: string) => void
    },
  ) {
    this.server = server
    this.dynamic = new DynamicResources(server)
    const { stats, subscriptions, resources } = server
    this.routes = new RouteDiscovery({
      stats,
      subscriptions,
      get secrets() {
        return server.secrets
      },
      context: () => server.context(),
      onRoutes,
      onStatsLeft,
      onForgotten: key => void resources.routes.delete(key),
    })
    this.clusters = this.set('cluster', 'cluster_manager.cds.')
    this.listeners = this.set('listener', 'listener_manager.lds.')
  }

  private set(kind: 'cluster' | 'listener', statPrefix: string): DiscoveredResourceSet {
    const { stats, resources } = this.server
    const stored = kind === 'cluster' ? resources.clusters : resources.listeners
    return new DiscoveredResourceSet({
      kind,
      statPrefix,
      stats: () => new ReloadStats(stats, statPrefix),
      isStatic: name => stored.get(name)?.isStatic === true,
      applyEach: updates => this.dynamic.applyEach(updates),
      onRefused: kind === 'cluster' ? () => {} : (named, refused) => noteErrors(resources, named, refused),
    })
  }

  /** Settles once the clusters of the first answer are in use. */
  async startClusters(source: ConfigSourcePlan): Promise<void> {
    await this.start('cluster', source, this.clusters)
  }

  /** Settles once the listeners of the first answer are open. */
  async startListeners(source: ConfigSourcePlan): Promise<void> {
    await this.start('listener', source, this.listeners)
  }

  private async start(
    kind: 'cluster' | 'listener',
    source: ConfigSourcePlan,
    owner: DiscoveredResourceSet,
  ): Promise<void> {
    const typeName = TYPES[kind]
    const { statPrefix } = owner
    await this.server.subscriptions.subscribe({ source, typeName, names: null, statPrefix, owner }).start()
  }
}

/** What /config_dump shows of listeners whose newest version is not in force. */
function noteErrors(
  { listenerErrors }: ResourceStore,
  named: Iterable<string> | null,
  refused: ReadonlyMap<string, RefusedResource>,
): void {
  for (const name of named ?? listenerErrors.keys()) listenerErrors.delete(name)
  for (const [name, one] of refused) listenerErrors.set(name, { ...one, lastAttemptMs: Date.now() })
}
