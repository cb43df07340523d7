import type { HttpFilterJson } from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { type CompileContext, type ConfigPath, Diagnostics } from '../config/index.ts'
import type { HttpFilterPlan } from '../http/index.ts'
import type { ChainedFilter } from './plan.ts'

/** The chain of HTTP filters: exactly one terminal filter, at its end. */
export function compileFilters(
  filters: readonly HttpFilterJson[],
  context: CompileContext,
  path: ConfigPath,
): readonly ChainedFilter[] {
  const chain: ChainedFilter[] = []
  filters.forEach((filter, index) => {
    const at = path.index(index)
    const chained = compileFilter(filter, context, at)
    if (chained === undefined) return
    checkPlace(chained, index === filters.length - 1, context, at)
    chain.push(chained)
  })
  if (filters.length === 0) {
    context.diagnostics.error(path, 'the connection manager needs a terminal http filter', {
      expected: 'envoy.filters.http.router',
    })
  }
  return chain
}

/** Undefined after a diagnostic, or for an optional filter that this release does not have. */
function compileFilter(filter: HttpFilterJson, context: CompileContext, at: ConfigPath): ChainedFilter | undefined {
  const quiet = filter.isOptional === true ? { ...context, diagnostics: new Diagnostics() } : context
  const factory = context.extensions.find('envoy.filters.http', filter, quiet, at)
  if (factory === undefined) return undefined
  const plan = factory.compile(filter.typedConfig as object, context, at.field('typed_config')) as HttpFilterPlan
  return {
    name: filter.name ?? factory.name,
    plan,
    disabled: filter.disabled === true,
    several: plan.createBehind !== undefined,
  }
}

function checkPlace(
  { name, plan, disabled }: ChainedFilter,
  last: boolean,
  context: CompileContext,
  at: ConfigPath,
): void {
  if (plan.terminal && !last) context.diagnostics.error(at, `${name} must be the last http filter`)
  if (plan.terminal && disabled) context.diagnostics.error(at, `${name} ends the chain and cannot be disabled`)
  if (plan.terminal || !last) return
  context.diagnostics.error(at, 'the last http filter must be a terminal one', {
    expected: 'envoy.filters.http.router',
    found: name,
  })
}
