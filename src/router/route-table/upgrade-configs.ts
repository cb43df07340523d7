// RouteAction.upgrade_configs.
import type { RouteAction_UpgradeConfigJson as UpgradeConfigJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'

declareSupport('envoy.config.route.v3.RouteAction.UpgradeConfig', {
  supported: ['upgrade_type', 'enabled'],
  refused: {
    connect_config: 'turning CONNECT into TCP is not part of this release; without it CONNECT is forwarded as it is',
  },
})

/** Upgrade type in lower case -> enabled; null where the route says nothing. */
export function compileUpgrades(
  configs: readonly UpgradeConfigJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): ReadonlyMap<string, boolean> | null {
  if (configs === undefined || configs.length === 0) return null
  const upgrades = new Map<string, boolean>()
  for (const [i, config] of configs.entries()) {
    const type = (config.upgradeType ?? '').toLowerCase()
    if (upgrades.has(type)) {
      context.diagnostics.error(path.index(i).field('upgrade_type'), `duplicate upgrade ${config.upgradeType}`)
    }
    upgrades.set(type, config.enabled ?? true)
  }
  return upgrades
}
