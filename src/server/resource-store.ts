import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import type { ClusterPlan } from '../upstream/index.ts'
import type { ResourceUpdate } from './messages.ts'

export interface ClusterChange {
  readonly kind: 'cluster'
  readonly name: string
  /** `plan` is what the resource compiled to. */
  readonly cluster: { readonly resource: ClusterJson; readonly plan: ClusterPlan } | null
}

/** A resource as the configuration gives it, or null where it is to go. Main has checked it. */
export type ResourceChange =
  | ClusterChange
  | { readonly kind: 'listener'; readonly name: string; readonly resource: ListenerJson | null }
  | { readonly kind: 'route_configuration'; readonly name: string; readonly resource: RouteConfigurationJson }

export interface StoredResource<Resource> {
  readonly resource: Resource
  readonly isStatic: boolean
  /** Unix ms. */
  readonly lastUpdatedMs: number
}

/** The resources in force, as main remembers them: for dumps, and for workers born later. */
export class ResourceStore {
  /** For dumps only: workers get theirs from the cluster directory. */
  readonly clusters = new Map<string, StoredResource<ClusterJson>>()
  readonly listeners = new Map<string, StoredResource<ListenerJson>>()
  readonly routes = new Map<string, StoredResource<RouteConfigurationJson>>()

  noteCluster({ name, cluster }: ClusterChange, isStatic: boolean): void {
    if (cluster === null) this.clusters.delete(name)
    else this.clusters.set(name, { resource: cluster.resource, isStatic, lastUpdatedMs: Date.now() })
  }

  note(change: Exclude<ResourceChange, ClusterChange>, isStatic: boolean): ResourceUpdate {
    const { kind, name } = change
    const stored = { isStatic, lastUpdatedMs: Date.now() }
    if (kind === 'route_configuration') {
      this.routes.set(name, { ...stored, resource: change.resource })
      return change
    }
    if (change.resource === null) {
      this.listeners.delete(name)
      return { kind: 'listener_removed', name }
    }
    this.listeners.set(name, { ...stored, resource: change.resource })
    return { kind: 'listener', name, resource: change.resource }
  }

  /** Route tables by their own updates, and those that stand inside listeners. */
  *routeTables(): Iterable<StoredResource<RouteConfigurationJson>> {
    yield* this.routes.values()
    for (const { resource, isStatic, lastUpdatedMs } of this.listeners.values()) {
      for (const table of inlineRouteTables(resource)) {
        if (!this.routes.has(table.name ?? '')) yield { resource: table, isStatic, lastUpdatedMs }
      }
    }
  }

  /** What brings a worker that knows nothing up to date; clusters come before. */
  updates(): readonly ResourceUpdate[] {
    const listeners = [...this.listeners].map(([name, { resource }]) => ({ kind: 'listener' as const, name, resource }))
    const routes = [...this.routes].map(([name, { resource }]) => ({
      kind: 'route_configuration' as const,
      name,
      resource,
    }))
    return [...listeners, ...routes]
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

function* inlineRouteTables({ filterChains = [], defaultFilterChain }: ListenerJson): Iterable<RouteConfigurationJson> {
  const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain]
  for (const { filters = [] } of chains) {
    for (const { typedConfig } of filters) {
      const { routeConfig } = (typedConfig ?? {}) as { readonly routeConfig?: RouteConfigurationJson }
      if (routeConfig !== undefined) yield routeConfig
    }
  }
}
