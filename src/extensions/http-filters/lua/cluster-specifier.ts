// HOT FILE (docs/hot-path.md): envoy.router.cluster_specifier_plugin.lua: envoy_on_route(handle) names a request's cluster.
import type { LuaConfigJson } from '#api/envoy/extensions/router/cluster_specifiers/lua/v3/lua_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import type { ClusterSpecifier, HeaderMap } from '../../../http/index.ts'
import { scriptLog } from './api/log.ts'
import { ROUTE_HANDLE } from './api/objects.ts'
import { HeaderLines } from './header-lines.ts'
import type { LuaScript } from './lua-script.ts'
import { sourceScript } from './plan.ts'
import { nextTag } from './script-run.ts'
import { LUA_OK } from './vm/lua-exports.ts'

declareSupport('envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig', {
  supported: ['source_code', 'default_cluster'],
})

/** What the objects of one run are about; see runOf(). */
class RouteRun {
  readonly slice = nextTag()
  private readonly lines: HeaderLines

  constructor(headers: HeaderMap) {
    this.lines = new HeaderLines(headers)
  }

  linesAt(): HeaderLines {
    return this.lines
  }

  /** A route is found by what a request is: it stays as it is. */
  mayChange(): boolean {
    return false
  }

  setReasonPhrase(): void {}
}

class LuaClusterSpecifier implements ClusterSpecifier {
  private readonly script: LuaScript
  private readonly defaultCluster: string

  constructor(script: LuaScript, defaultCluster: string) {
    this.script = script
    this.defaultCluster = defaultCluster
  }

  clusterOf(headers: HeaderMap): string {
    const { script } = this
    return script.hasRouteFunction() ? (this.run(script, headers) ?? this.defaultCluster) : this.defaultCluster
  }

  /** Null: the script failed, waits for something, or says no name. */
  private run(script: LuaScript, headers: HeaderMap): string | null {
    const machine = script.machine()
    const thread = machine.newThread()
    const run = new RouteRun(headers)
    machine.pushFunction(thread.state, script.routeFunction)
    machine.pushObject(thread.state, ROUTE_HANDLE, run.slice, 0)
    const outer = machine.owner
    machine.owner = run
    const status = machine.resume(thread, 1)
    machine.owner = outer
    if (status === LUA_OK) {
      const name = machine.toTextOrNull(thread.state, -1)
      machine.release(thread)
      if (name === null) scriptLog('error', 'envoy_on_route returned no string')
      return name === null ? null : Buffer.from(name, 'latin1').toString('utf8')
    }
    scriptLog('error', machine.error)
    machine.abandon(thread)
    return null
  }
}

/** Undefined after a diagnostic. */
export function compileLuaClusterSpecifier(
  { sourceCode = {}, defaultCluster = '' }: LuaConfigJson,
  context: CompileContext,
  path: ConfigPath,
): ClusterSpecifier | undefined {
  const at = path.field('source_code')
  const script = sourceScript(sourceCode, context, at)
  if (script === null) return undefined
  if (context.resource === undefined && !script.hasRouteFunction()) {
    context.diagnostics.error(at, 'the script has no function envoy_on_route', { code: 'lua' })
  }
  return new LuaClusterSpecifier(script, defaultCluster)
}
