// Requests of the main thread's own, such as those for resources: it has the static clusters, as a worker has all.
import type { CompileContext } from '../config/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { RouterAsyncClient } from '../router/index.ts'
import { type AsyncClient, type ClusterDirectory, ClusterManager, type ClusterUpdate } from '../upstream/index.ts'

export class MainClusters {
  readonly client: AsyncClient
  private readonly clusters: ClusterManager
  private readonly wants: (name: string) => boolean

  /** `wants`: which clusters may be called from here. */
  constructor(
    thread: ThreadContext,
    context: CompileContext,
    directory: ClusterDirectory,
    wants: (name: string) => boolean,
  ) {
    this.wants = wants
    this.clusters = new ClusterManager(thread, context, report => directory.onHostCells(report), directory)
    const withClusters = Object.assign(thread, { clusters: this.clusters })
    this.client = new RouterAsyncClient(withClusters)
    Object.assign(thread, { asyncClient: this.client })
    this.apply(directory.updates())
  }

  /** Connections that are open would keep the process from ending. */
  stop(): void {
    for (const name of [...this.clusters.names()]) void this.clusters.apply({ kind: 'cluster_removed', name })
  }

  apply(updates: Iterable<ClusterUpdate>): void {
    for (const update of updates) {
      if (update.kind === 'host_rows' || this.wants(update.name)) void this.clusters.apply(update)
    }
  }
}
