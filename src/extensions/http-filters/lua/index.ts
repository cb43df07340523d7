import './support.ts'
import type { LuaJson, LuaPerRouteJson } from '#api/envoy/extensions/filters/http/lua/v3/lua_pb.ts'
import type { LuaConfigJson } from '#api/envoy/extensions/router/cluster_specifiers/lua/v3/lua_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import {
  CLUSTER_SPECIFIER_CATEGORY,
  type ClusterSpecifier,
  type HttpFilterPlan,
  PER_ROUTE_CATEGORY,
} from '../../../http/index.ts'
import { compileLuaClusterSpecifier } from './cluster-specifier.ts'
import { LuaFilter } from './lua-filter.ts'
import { compileRoutePlan, LuaPlan, type LuaRoutePlan } from './plan.ts'

const API = 'envoy.extensions.filters.http.lua.v3'
const NAME = 'envoy.filters.http.lua'

/** envoy.filters.http.lua */
export const luaFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Lua`],
  compile: (config, context, path) => {
    const plan = new LuaPlan(config as LuaJson, context, path)
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => plan.start(thread, prefix),
      create: () => new LuaFilter(plan),
    }
  },
}

export const luaPerRouteFactory: ExtensionFactory<LuaRoutePlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.LuaPerRoute`],
  compile: (config, context, path) => compileRoutePlan(config as LuaPerRouteJson, context, path),
}

/** envoy.router.cluster_specifier_plugin.lua */
export const luaClusterSpecifierFactory: ExtensionFactory<ClusterSpecifier | undefined> = {
  name: 'envoy.router.cluster_specifier_plugin.lua',
  category: CLUSTER_SPECIFIER_CATEGORY,
  typeNames: ['envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig'],
  compile: (config, context, path) => compileLuaClusterSpecifier(config as LuaConfigJson, context, path),
}
