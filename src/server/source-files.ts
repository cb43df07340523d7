import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { ConfigPath, type ConfigSourcePlan, type Diagnostics } from '../config/index.ts'
import type { ClusterPlan } from '../upstream/index.ts'
import { wantedTables } from './route-discovery.ts'

/** A file that resources come from must be there when it is named, though it may go later. Main checks this, workers do not. */
export function checkSourceFile(source: ConfigSourcePlan, diagnostics: Diagnostics, path: ConfigPath): void {
  if (source.kind !== 'file') return
  for (const found of [source.file, source.watchedFolder]) {
    if (found === null || existsSync(found)) continue
    diagnostics.error(path, `paths must refer to an existing path in the system: '${found}' does not exist`, { found })
  }
}

/** The link to runtime files may come later; the folder that it stands in is watched, and so must be there. */
export function checkRuntimeFolders({ layeredRuntime }: BootstrapJson, diagnostics: Diagnostics): void {
  const layers = ConfigPath.root.field('layered_runtime').field('layers')
  for (const [i, { diskLayer }] of (layeredRuntime?.layers ?? []).entries()) {
    if (diskLayer === undefined) continue
    const found = dirname(diskLayer.symlinkRoot ?? '')
    if (existsSync(found)) continue
    const at = layers.index(i).field('disk_layer').field('symlink_root')
    diagnostics.error(at, `cannot be watched: '${found}' does not exist`, { found: diskLayer.symlinkRoot ?? '' })
  }
}

export function checkClusterSource({ eds }: ClusterPlan, diagnostics: Diagnostics, path: ConfigPath): void {
  if (eds !== null) checkSourceFile(eds.source, diagnostics, path.field('eds_cluster_config').field('eds_config'))
}

export function checkListenerSources(listener: ListenerJson, diagnostics: Diagnostics, listenerPath: ConfigPath): void {
  for (const { source, path } of wantedTables(listener, listenerPath)) checkSourceFile(source, diagnostics, path)
}
