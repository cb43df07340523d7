import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { LuaJson, LuaPerRouteJson } from '#api/envoy/extensions/filters/http/lua/v3/lua_pb.ts'
import { type CompileContext, type ConfigPath, dataSourceBytes } from '../../../config/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import { checkScript, type LuaScript, scriptFor } from './lua-script.ts'

const LUA_STATS = statTemplate({ counters: ['errors', 'executions'] })
const ERRORS = LUA_STATS.slot('errors')
const EXECUTIONS = LUA_STATS.slot('executions')

/** What a route says of the filter. */
export interface LuaRoutePlan {
  readonly disabled: boolean
  /** One of the filter's source_codes; '': see script. */
  readonly name: string
  /** Null: the filter's own. */
  readonly script: LuaScript | null
  /** Null: the filter's own. */
  readonly filterContext: object | null
}

export class LuaPlan {
  readonly defaultScript: LuaScript | null
  readonly clearRouteCache: boolean
  readonly filterContext: object
  private readonly named = new Map<string, LuaScript>()
  private readonly statPrefix: string
  private stats!: StatBlock

  constructor(json: LuaJson, context: CompileContext, path: ConfigPath) {
    this.defaultScript = defaultScript(json, context, path)
    for (const [name, source] of Object.entries(json.sourceCodes ?? {})) {
      const script = sourceScript(source, context, path.field('source_codes').key(name))
      if (script !== null) this.named.set(name, script)
    }
    this.clearRouteCache = json.clearRouteCache ?? true
    this.filterContext = json.filterContext ?? {}
    this.statPrefix = json.statPrefix === undefined || json.statPrefix === '' ? 'lua.' : `lua.${json.statPrefix}.`
  }

  start(thread: ThreadContext, prefix: string): void {
    this.stats = thread.stats.block(`${prefix}${this.statPrefix}`, LUA_STATS)
    // The first request shall not wait for it. Main has tried it: what fails now is logged when it is used.
    this.defaultScript?.load()
  }

  scriptOf({ disabled, name, script }: LuaRoutePlan): LuaScript | null {
    if (disabled) return null
    if (name !== '') return this.named.get(name) ?? null
    return script ?? this.defaultScript
  }

  countExecution(): void {
    this.stats.cells[EXECUTIONS]! += 1
  }

  countError(): void {
    this.stats.cells[ERRORS]! += 1
  }
}

function defaultScript(json: LuaJson, context: CompileContext, path: ConfigPath): LuaScript | null {
  const { inlineCode = '', defaultSourceCode } = json
  if (defaultSourceCode !== undefined) {
    const at = path.field('default_source_code')
    if (inlineCode !== '') {
      context.diagnostics.error(at, 'there is one default script', { expected: 'inline_code or default_source_code' })
    }
    return sourceScript(defaultSourceCode, context, at)
  }
  if (inlineCode === '') return null
  return checked(Buffer.from(inlineCode, 'utf8').toString('latin1'), context, path.field('inline_code'))
}

export function sourceScript(source: DataSourceJson, context: CompileContext, path: ConfigPath): LuaScript | null {
  const bytes = dataSourceBytes(source, context, path)
  return bytes === undefined ? null : checked(bytes.toString('latin1'), context, path)
}

/** Where it is to serve, it has been checked before. */
function checked(source: string, context: CompileContext, path: ConfigPath): LuaScript | null {
  if (context.resource === undefined) {
    const problem = checkScript(source)
    if (problem !== null) {
      context.diagnostics.error(path, `script load error: ${problem}`, { code: 'lua' })
      return null
    }
  }
  return scriptFor(source)
}

export function compileRoutePlan(json: LuaPerRouteJson, context: CompileContext, path: ConfigPath): LuaRoutePlan {
  const { sourceCode } = json
  return {
    disabled: json.disabled === true,
    name: json.name ?? '',
    script: sourceCode === undefined ? null : sourceScript(sourceCode, context, path.field('source_code')),
    filterContext: json.filterContext ?? null,
  }
}
