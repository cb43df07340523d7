import { declareSupport } from '../../../config/index.ts'

const API = 'envoy.extensions.filters.http.lua.v3'
const PATHS = 'set package.path in the script, before it requires anything'
const SHARED = 'scripts of the same text share one machine anyhow'

declareSupport(`${API}.Lua`, {
  supported: [
    'inline_code',
    'source_codes',
    'default_source_code',
    'stat_prefix',
    'clear_route_cache',
    'filter_context',
  ],
  refused: { package_paths: PATHS, package_cpaths: PATHS, shared_vm_id: SHARED },
})
declareSupport(`${API}.LuaPerRoute`, {
  supported: ['disabled', 'name', 'source_code', 'filter_context'],
  refused: { package_paths: PATHS, package_cpaths: PATHS, shared_vm_id: SHARED },
})
