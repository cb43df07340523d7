import { existsSync } from 'node:fs'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import type { ConfigPath, ConfigSourcePlan, Diagnostics } from '../config/index.ts'
import type { ClusterPlan } from '../upstream/index.ts'
import { wantedTables } from './route-discovery.ts'

/** A file that resources come from must be there when it is named, though it may go later. Main checks this, workers do not. */
export function checkSourceFile(source: ConfigSourcePlan, diagnostics: Diagnostics, path: ConfigPath): void {
  for (const found of [source.file, source.watchedFolder]) {
    if (found === null || existsSync(found)) continue
    diagnostics.error(path, `paths must refer to an existing path in the system: '${found}' does not exist`, { found })
  }
}

export function checkClusterSource({ eds }: ClusterPlan, diagnostics: Diagnostics, path: ConfigPath): void {
  if (eds !== null) checkSourceFile(eds.source, diagnostics, path.field('eds_cluster_config').field('eds_config'))
}

export function checkListenerSources(listener: ListenerJson, diagnostics: Diagnostics, listenerPath: ConfigPath): void {
  for (const { source, path } of wantedTables(listener, listenerPath)) checkSourceFile(source, diagnostics, path)
}
