// How resources that have passed every check get into force: on main first, then on all workers.
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { log } from '../observability/index.ts'
import type { ClusterDirectory, ClusterUpdate } from '../upstream/index.ts'
import type { ResourceUpdate, RouteUpdate, UpdateFailure } from './messages.ts'
import type { ClusterChange, ResourceChange, ResourceStore } from './resource-store.ts'
import type { RouteDiscovery } from './route-discovery.ts'
import type { DiscoveredSecret } from './secrets/discovered-secret.ts'
import type { SecretHub } from './secrets/secret-hub.ts'
import { secretUpdates } from './secrets/worker-secrets.ts'
import type { ServerStats } from './server-stats.ts'
import { shareResources } from './shared-resources.ts'
import type { WorkerPool } from './worker-pool.ts'

const logger = log('config')

interface Readiness {
  readonly ready: Promise<unknown>
  /** Whether that is all, or some has not come in time. */
  readonly answered: Promise<boolean>
}

type ListenerChange = ResourceChange & { kind: 'listener' }

/** What the parts of a server have to do with changes. */
export interface ChangingServer {
  readonly pool: WorkerPool
  readonly clusters: ClusterDirectory
  readonly resources: ResourceStore
  readonly serverStats: ServerStats
  readonly concurrency: number
  readonly routes: RouteDiscovery
  readonly secrets: SecretHub
  /** What main itself uses of the clusters. */
  onClusterUpdates(updates: readonly ClusterUpdate[]): void
}

export class ChangeApplier {
  private readonly server: () => ChangingServer
  private batch: ResourceUpdate[] | null = null
  private live = false
  /** Listeners that wait for their routes: what is settled when each is open or has gone. */
  private readonly opening = new Map<string, { readonly change: ListenerChange; readonly done: Promise<unknown> }>()

  private readonly withoutSecrets = new Map<
    string,
    { readonly change: ClusterChange; readonly awaited: readonly DiscoveredSecret[] }
  >()

  /** `server` is asked when there is something to apply. */
  constructor(server: () => ChangingServer) {
    this.server = server
  }

  /** The server serves: nothing that comes from now on waits for clusters. */
  goLive(): void {
    this.live = true
    this.server().clusters.goLive()
  }

  /** Applies resources on all workers; what failed where. */
  async apply(changes: readonly ResourceChange[], isStatic: boolean): Promise<readonly UpdateFailure[]> {
    const { pool, clusters: directory, secrets, routes: discovery, resources, serverStats } = this.server()
    const clusters = changes.filter(change => change.kind === 'cluster')
    const before = this.collect(() => this.addClusters(this.withSecrets(clusters, isStatic), isStatic))
    await pool.apply([...secretUpdates(secrets.takeFresh()), ...before])
    const listeners = changes.flatMap(change => (change.kind === 'listener' ? (change.resource ?? []) : []))
    // Listeners open once the clusters behind them have hosts.
    if (!this.live && listeners.length > 0) await directory.ready()
    const routes = this.collect(() => discovery.begin(listeners))
    const others = changes.flatMap(change => (change.kind === 'cluster' ? [] : this.noteOrWarm(change, isStatic)))
    const gone = discovery.end(resources.knownListeners())
    // Last, so that what names a cluster is gone before it is.
    const after = this.collect(() => this.removeClusters(clusters))
    const failures = await pool.apply([...routes, ...others, ...gone, ...after])
    for (const { name } of failures) if (resources.listeners.has(name)) serverStats.listenerEvent('create_failure')
    return failures
  }

  /** The clusters whose secrets are there; the others follow when theirs have come, and are not in use before. */
  private withSecrets(changes: readonly ClusterChange[], isStatic: boolean): readonly ClusterChange[] {
    const { secrets, resources } = this.server()
    return changes.filter(change => {
      const { name, cluster } = change
      this.withoutSecrets.delete(name)
      if (cluster === null) return true
      const awaited = secrets.awaitedBy(cluster.resource)
      if (awaited.length === 0) return true
      resources.noteCluster(change, isStatic, false)
      this.withoutSecrets.set(name, { change, awaited })
      void Promise.all(awaited.map(({ whenArrived }) => whenArrived)).then(() => {
        if (this.withoutSecrets.get(name)?.change !== change) return
        this.withoutSecrets.delete(name)
        this.addClusters([change], isStatic)
      })
      return false
    })
  }

  /** Settles when the secrets of all clusters have come, or not in time. */
  async secretsAnswered(): Promise<void> {
    const awaited = [...this.withoutSecrets.values()].flatMap(({ awaited }) => awaited)
    await Promise.all(awaited.map(({ whenAnswered }) => whenAnswered))
  }

  private addClusters(changes: readonly ClusterChange[], isStatic: boolean): void {
    const { clusters, resources } = this.server()
    const added = changes.flatMap(change => (change.cluster === null ? [] : { change, ...change.cluster }))
    const shared = shareResources(added.map(({ resource }) => resource))
    added.forEach(({ change, plan, resource }, i) => {
      // It may be in use before `add` returns: then it is noted as such at once.
      resources.noteCluster(change, isStatic, false)
      const inUse = clusters.add(plan, resource, shared[i]!, !isStatic)
      if (inUse) resources.clusterActivated(change.name)
    })
  }

  private removeClusters(changes: readonly ClusterChange[]): void {
    const { clusters, resources } = this.server()
    for (const change of changes) {
      if (change.cluster !== null) continue
      this.withoutSecrets.delete(change.name)
      clusters.remove(change.name)
      resources.noteCluster(change, false)
    }
  }

  // ---- updates for workers

  /** Updates that `act` brings about, to be posted as one. */
  private collect(act: () => void): readonly ResourceUpdate[] {
    const batch: ResourceUpdate[] = []
    this.batch = batch
    try {
      act()
    } finally {
      this.batch = null
    }
    return batch
  }

  publishClusters(updates: readonly ClusterUpdate[]): void {
    this.server().onClusterUpdates(updates)
    this.publish(updates)
  }

  publishRoutes(update: RouteUpdate, version: string): void {
    const { resources, secrets } = this.server()
    this.publish([...secretUpdates(secrets.takeFresh()), resources.note({ ...update, version }, false)])
  }

  private publish(updates: readonly ResourceUpdate[]): void {
    if (this.batch === null) void this.server().pool.apply(updates)
    else this.batch.push(...updates)
  }

  // ---- listeners

  /** What workers are to be told now; nothing while a listener waits for its routes. */
  private noteOrWarm(change: Exclude<ResourceChange, ClusterChange>, isStatic: boolean): ResourceUpdate[] {
    const { resources, serverStats, concurrency } = this.server()
    if (change.kind === 'listener') {
      this.opening.delete(change.name)
      const known = resources.listeners.has(change.name) || resources.warmingListeners.has(change.name)
      serverStats.listenerEvent(change.resource === null ? 'removed' : known ? 'modified' : 'added')
      const ready = change.resource === null ? null : this.whenReady(change.resource)
      if (ready !== null) {
        this.warm(change, isStatic, ready)
        return []
      }
      if (change.resource !== null) {
        for (let i = 0; i < concurrency; i++) serverStats.listenerEvent('create_success')
      }
    }
    return [resources.note(change, isStatic)]
  }

  /** Null: a listener has all that it asks for. */
  private whenReady(listener: ListenerJson): Readiness | null {
    const { routes, secrets } = this.server()
    const awaited = secrets.awaitedBy(listener)
    const tables = routes.whenReady(listener)
    if (tables === null && awaited.length === 0) return null
    return {
      ready: Promise.all([tables, ...awaited.map(({ whenArrived }) => whenArrived)]),
      answered: Promise.all([tables, ...awaited.map(({ whenAnswered }) => whenAnswered)]).then(() =>
        awaited.every(({ arrived }) => arrived),
      ),
    }
  }

  private warm(change: ListenerChange, isStatic: boolean, { ready, answered }: Readiness): void {
    const { name, resource, version = '' } = change
    const { warmingListeners } = this.server().resources
    warmingListeners.set(name, { resource: resource as ListenerJson, isStatic, version, lastUpdatedMs: Date.now() })
    const done = ready.then(() => this.open(change, isStatic))
    this.opening.set(name, { change, done: answered.then(complete => (complete ? done : null)) })
  }

  /** What a listener has waited for is there. */
  private async open(change: ListenerChange, isStatic: boolean): Promise<void> {
    const { name } = change
    // Another version of it has come meanwhile, or it has gone.
    if (this.opening.get(name)?.change !== change) return
    const { pool, resources, serverStats, concurrency } = this.server()
    const failures = await pool.apply([resources.note(change, isStatic)])
    if (this.opening.get(name)?.change === change) this.opening.delete(name)
    if (failures.length === 0) {
      for (let i = 0; i < concurrency; i++) serverStats.listenerEvent('create_success')
      return
    }
    serverStats.listenerEvent('create_failure')
    logger.error(`listener '${name}' cannot be opened`, { reason: failures[0]?.message ?? '' })
  }

  /** Settles when no listener waits any more, but for those whose secrets have not come in time. */
  async listenersOpen(): Promise<void> {
    await Promise.all(Array.from(this.opening.values(), ({ done }) => done))
  }
}
