import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import type { HttpConnectionManagerJson } from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { FailedUpdate } from '../admin/index.ts'
import { ConfigPath, typeName } from '../config/index.ts'
import type { ClusterPlan } from '../upstream/index.ts'
import type { ResourceUpdate, RouteUpdate } from './messages.ts'
import { routeTableKey } from './route-tables.ts'

const HTTP_CONNECTION_MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

interface Versioned {
  /** As the control plane calls it; nothing: it has no versions. */
  readonly version?: string
}

export interface ClusterChange extends Versioned {
  readonly kind: 'cluster'
  readonly name: string
  /** `plan` is what the resource compiled to. */
  readonly cluster: { readonly resource: ClusterJson; readonly plan: ClusterPlan } | null
}

/** A resource as the configuration gives it, or null where it is to go. Main has checked it. */
export type ResourceChange =
  | ClusterChange
  | (Versioned & { readonly kind: 'listener'; readonly name: string; readonly resource: ListenerJson | null })
  | (Versioned & RouteUpdate)

export interface StoredResource<Resource> {
  readonly resource: Resource
  readonly isStatic: boolean
  readonly version: string
  /** Unix ms. */
  readonly lastUpdatedMs: number
}

/** The resources in force, as main remembers them: for dumps, and for workers born later. */
export class ResourceStore {
  /** For dumps only: workers get theirs from the cluster directory. */
  readonly clusters = new Map<string, StoredResource<ClusterJson>>()
  readonly listeners = new Map<string, StoredResource<ListenerJson>>()
  /** Those that have come and are not in use yet. */
  readonly warmingClusters = new Map<string, StoredResource<ClusterJson>>()
  /** Discovered listeners whose newest version is refused, by name. */
  readonly listenerErrors = new Map<string, FailedUpdate>()
  readonly warmingListeners = new Map<string, StoredResource<ListenerJson>>()
  readonly routes = new Map<string, StoredResource<RouteConfigurationJson> & { readonly source: string | null }>()

  noteCluster({ name, cluster, version = '' }: ClusterChange, isStatic: boolean, inUse = true): void {
    this.warmingClusters.delete(name)
    if (cluster === null) {
      this.clusters.delete(name)
      return
    }
    const stored = { resource: cluster.resource, isStatic, version, lastUpdatedMs: Date.now() }
    if (inUse) this.clusters.set(name, stored)
    else this.warmingClusters.set(name, stored)
  }

  /** A cluster has been warm enough to be used. */
  clusterActivated(name: string): void {
    const stored = this.warmingClusters.get(name)
    if (stored === undefined) return
    this.warmingClusters.delete(name)
    this.clusters.set(name, stored)
  }

  note(change: Exclude<ResourceChange, ClusterChange>, isStatic: boolean): ResourceUpdate {
    const { kind, name, version = '' } = change
    const stored = { isStatic, version, lastUpdatedMs: Date.now() }
    if (kind === 'route_configuration') {
      const { source, resource } = change
      this.routes.set(routeTableKey(name, source), { ...stored, source, resource })
      return { kind, name, source, resource }
    }
    this.warmingListeners.delete(name)
    if (change.resource === null) {
      this.listeners.delete(name)
      return { kind: 'listener_removed', name }
    }
    this.listeners.set(name, { ...stored, resource: change.resource })
    return { kind: 'listener', name, resource: change.resource }
  }

  *listenerResources(): Iterable<ListenerJson> {
    for (const { resource } of this.listeners.values()) yield resource
  }

  /** Those in use and those that are to be. */
  *knownListeners(): Iterable<ListenerJson> {
    yield* this.listenerResources()
    for (const { resource } of this.warmingListeners.values()) yield resource
  }

  /** Route tables by their own updates, and those that stand inside listeners. */
  *routeTables(): Iterable<StoredResource<RouteConfigurationJson>> {
    yield* this.routes.values()
    for (const { resource, isStatic, version, lastUpdatedMs } of this.listeners.values()) {
      for (const table of inlineRouteTables(resource)) {
        if (!this.routes.has(table.name ?? '')) yield { resource: table, isStatic, version, lastUpdatedMs }
      }
    }
  }

  /** What brings a worker that knows nothing up to date; clusters come before. */
  updates(): readonly ResourceUpdate[] {
    const listeners = [...this.listeners].map(([name, { resource }]) => ({ kind: 'listener' as const, name, resource }))
    const routes = Array.from(this.routes.values(), ({ source, resource }) => {
      return { kind: 'route_configuration' as const, name: resource.name ?? '', source, resource }
    })
    // Those in listeners are replaced once they are there; a listener finds those from elsewhere when it begins.
    const discovered = routes.filter(({ source }) => source !== null)
    const inline = routes.filter(({ source }) => source === null)
    return [...discovered, ...listeners, ...inline]
  }
}

/** The name a listener goes by: its own, or its address as Envoy falls back to. */
export function listenerName(resource: ListenerJson): string {
  if (resource.name !== undefined && resource.name !== '') return resource.name
  const { socketAddress, pipe } = resource.address ?? {}
  if (pipe !== undefined) return pipe.path ?? ''
  const host = socketAddress?.address ?? ''
  return `${host.includes(':') ? `[${host}]` : host}:${socketAddress?.portValue ?? 0}`
}

function* inlineRouteTables(listener: ListenerJson): Iterable<RouteConfigurationJson> {
  for (const { manager } of connectionManagers(listener, ConfigPath.root)) {
    if (manager.routeConfig !== undefined) yield manager.routeConfig
  }
}

/** The HTTP connection managers of a listener, as configured, and where they stand. `path`: of the listener. */
export function* connectionManagers(
  { filterChains = [], defaultFilterChain }: ListenerJson,
  path: ConfigPath,
): Iterable<{ readonly manager: HttpConnectionManagerJson; readonly path: ConfigPath }> {
  const chains = filterChains.map((chain, i) => ({ chain, at: path.field('filter_chains').index(i) }))
  if (defaultFilterChain !== undefined) {
    chains.push({ chain: defaultFilterChain, at: path.field('default_filter_chain') })
  }
  for (const { chain, at } of chains) {
    for (const [i, { typedConfig }] of (chain.filters ?? []).entries()) {
      if (typeName((typedConfig ?? {}) as { '@type'?: string }) !== HTTP_CONNECTION_MANAGER) continue
      yield {
        manager: typedConfig as HttpConnectionManagerJson,
        path: at.field('filters').index(i).field('typed_config'),
      }
    }
  }
}
