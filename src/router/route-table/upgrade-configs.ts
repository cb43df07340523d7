// RouteAction.upgrade_configs.
import type { RouteAction_UpgradeConfigJson as UpgradeConfigJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import type { ConnectPlan } from '../../http/index.ts'
import { compileProxyHeader } from '../../net/index.ts'

declareSupport('envoy.config.route.v3.RouteAction.UpgradeConfig', {
  supported: ['upgrade_type', 'enabled', 'connect_config'],
})
declareSupport('envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig', {
  supported: ['allow_post', 'proxy_protocol_config'],
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
    const at = path.index(i)
    if (upgrades.has(type)) {
      context.diagnostics.error(at.field('upgrade_type'), `duplicate upgrade ${config.upgradeType}`)
    }
    if (config.connectConfig !== undefined && type !== 'connect') {
      context.diagnostics.error(at.field('connect_config'), 'only CONNECT can be turned into TCP', {
        expected: 'upgrade_type: CONNECT',
        found: config.upgradeType ?? '',
      })
    }
    upgrades.set(type, config.enabled ?? true)
  }
  return upgrades
}

/** How the route turns CONNECT into TCP; null: it forwards CONNECT as it is. */
export function compileConnect(
  configs: readonly UpgradeConfigJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): ConnectPlan | null {
  const at = configs?.findIndex(({ connectConfig }) => connectConfig !== undefined) ?? -1
  const config = configs?.[at]?.connectConfig
  if (config === undefined) return null
  const { allowPost = false, proxyProtocolConfig: header } = config
  const field = path.index(at).field('connect_config').field('proxy_protocol_config')
  return { allowPost, proxyHeader: header === undefined ? null : compileProxyHeader(header, context, field) }
}
