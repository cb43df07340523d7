// Filters that run in the place of another one.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import { type CompileContext, type ConfigPath, Diagnostics } from '../../../config/index.ts'
import type { HttpFilter, HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'

/** Undefined after a diagnostic. */
export function compileDelegated(
  config: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): HttpFilterPlan | undefined {
  const factory = context.extensions.find('envoy.filters.http', config, context, path)
  if (factory === undefined) return undefined
  const plan = factory.compile(config.typedConfig as object, context, path.field('typed_config')) as HttpFilterPlan
  if (plan.terminal) context.diagnostics.error(path, `${plan.name} ends the chain and cannot stand for another filter`)
  return plan
}

/** One after the other. Each manager has its own stats, so each has plans of its own. */
export class DelegatedFilters {
  private readonly configs: readonly TypedExtensionConfigJson[]
  private readonly context: CompileContext
  private readonly path: ConfigPath
  private readonly compiled: readonly HttpFilterPlan[]
  private readonly byStatPrefix = new Map<string, readonly HttpFilterPlan[]>()

  constructor(configs: readonly TypedExtensionConfigJson[], context: CompileContext, paths: ConfigPath[]) {
    this.configs = configs
    this.context = { ...context, diagnostics: new Diagnostics() }
    this.path = paths[0] as ConfigPath
    this.compiled = configs.flatMap((config, i) => {
      const at = paths[i] as ConfigPath
      const plan = compileDelegated(config, context, at)
      if (plan?.createBehind === undefined) return plan ?? []
      context.diagnostics.error(at, `${plan.name} cannot stand in the place of another filter`, {
        expected: 'one tree that decides by itself',
      })
      return []
    })
  }

  get count(): number {
    return this.configs.length
  }

  /** Opened at the first call for a manager; nothing more happens later. */
  plansFor(thread: ThreadContext, statPrefix: string): readonly HttpFilterPlan[] {
    const present = this.byStatPrefix.get(statPrefix)
    if (present !== undefined) return present
    const plans = this.byStatPrefix.size === 0 ? this.compiled : this.compileAgain()
    for (const plan of plans) plan.start?.(thread, statPrefix)
    this.byStatPrefix.set(statPrefix, plans)
    return plans
  }

  private compileAgain(): readonly HttpFilterPlan[] {
    return this.configs.flatMap(config => compileDelegated(config, this.context, this.path) ?? [])
  }
}

/** Routes know a filter by the name of the one whose place it takes. */
export function nameAs(filter: HttpFilter, plan: HttpFilterPlan, placed: HttpFilter): void {
  filter.configName = placed.configName
  filter.extension = plan.name
}
