// The order in which resources come when a server starts.

import type { Subscriptions } from '../config/index.ts'
import type { ClusterDirectory } from '../upstream/index.ts'
import type { ChangeApplier } from './apply-changes.ts'
import type { Configuration } from './configuration.ts'
import type { UpdateFailure } from './messages.ts'
import { listenerName, type ResourceChange } from './resource-store.ts'
import { type RuntimeServer, startRuntimeDiscovery } from './runtime-discovery.ts'
import type { ServerDiscovery } from './server-discovery.ts'

export interface StartingServer extends RuntimeServer {
  readonly changes: ChangeApplier
  readonly clusters: ClusterDirectory
  readonly discovery: ServerDiscovery
  readonly subscriptions: Subscriptions
}

/**
 * Clusters first: those that others are asked for from, then what they tell of, then listeners. Returns what went wrong,
 * or null.
 */
export async function startResources(configuration: Configuration, server: StartingServer): Promise<string | null> {
  const { changes, clusters, discovery, subscriptions } = server
  const { bootstrap, primaryClusters, secrets, cds, lds } = configuration
  const all = staticChanges(configuration)
  const listeners = all.filter(({ kind }) => kind === 'listener')
  const primary = all.filter(({ kind, name }) => kind === 'cluster' && primaryClusters.has(name))
  const others = all.filter(({ kind, name }) => kind === 'cluster' && !primaryClusters.has(name))
  const rtds = bootstrap.layeredRuntime?.layers?.some(({ rtdsLayer }) => rtdsLayer !== undefined) === true
  if (others.length > 0 || cds !== null || secrets.awaitsAny || rtds) {
    await changes.apply(primary, true)
    await clusters.ready()
    await startRuntimeDiscovery(bootstrap, server)
    secrets.discover(subscriptions)
    await changes.apply(others, true)
    if (cds !== null) await discovery.startClusters(cds)
    await changes.secretsAnswered()
    await clusters.ready()
  } else {
    secrets.discover(subscriptions)
    listeners.unshift(...primary)
  }
  const failures = await changes.apply(listeners, true)
  if (failures.length > 0) return failureText(failures)
  // Without a static listener nobody has waited for them yet, and no cluster is in use before its first checks.
  await clusters.ready()
  if (lds !== null) await discovery.startListeners(lds)
  await changes.listenersOpen()
  return null
}

function staticChanges({ bootstrap, clusterPlans }: Configuration): readonly ResourceChange[] {
  const { clusters = [], listeners = [] } = bootstrap.staticResources ?? {}
  return [
    ...clusters.map((resource, i) => {
      const plan = clusterPlans[i]!
      return { kind: 'cluster' as const, name: plan.name, cluster: { resource, plan } }
    }),
    ...listeners.map(resource => ({ kind: 'listener' as const, name: listenerName(resource), resource })),
  ]
}

/** Every worker reports the same failure, which is to be read once. */
function failureText(failures: readonly UpdateFailure[]): string {
  return [...new Set(failures.map(({ name, message }) => `listener '${name}': ${message}`))].join('; ')
}
