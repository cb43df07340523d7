// bootstrap.overload_manager, compiled: what is measured, and what is done about it.
import type { OverloadActionJson, OverloadManagerJson, TriggerJson } from '#api/envoy/config/overload/v3/overload_pb.ts'
import { type ConfigPath, type Diagnostics, declareSupport, durationMs, typeName } from '../../config/index.ts'
import { OVERLOAD_ACTIONS, type OverloadActionName } from '../../net/index.ts'

const API = 'envoy.config.overload.v3'
const MONITORS = 'envoy.extensions.resource_monitors'
const FIXED_HEAP = `${MONITORS}.fixed_heap.v3.FixedHeapConfig`
const INJECTED = `${MONITORS}.injected_resource.v3.InjectedResourceConfig`
const CONNECTIONS = `${MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig`
const ACTION_PREFIX = 'envoy.overload_actions.'
const DEFAULT_REFRESH_MS = 1000

declareSupport(`${API}.OverloadManager`, {
  supported: ['refresh_interval', 'resource_monitors', 'actions'],
  refused: {
    loadshed_points: 'load shed points are not part of this release; use actions',
    buffer_factory_config: 'memory is not accounted by stream',
  },
})
declareSupport(`${API}.ResourceMonitor`, { supported: ['name', 'typed_config'] })
declareSupport(`${API}.OverloadAction`, {
  supported: ['name', 'triggers'],
  refused: { typed_config: 'none of the actions of this release has a configuration' },
})
declareSupport(`${API}.Trigger`, { supported: ['name', 'threshold', 'scaled'] })
declareSupport(`${API}.ThresholdTrigger`, { supported: ['value'] })
declareSupport(`${API}.ScaledTrigger`, { supported: ['scaling_threshold', 'saturation_threshold'] })
declareSupport(FIXED_HEAP, {
  supported: ['max_heap_size_bytes'],
  refused: { max_heap_size_bytes_runtime: 'the limit cannot be changed at runtime in this release' },
})
declareSupport(INJECTED, { supported: ['filename'] })
declareSupport(CONNECTIONS, { supported: ['max_active_downstream_connections'] })

export type MonitorPlan =
  | { readonly name: string; readonly kind: 'fixed_heap'; readonly maxBytes: number }
  | { readonly name: string; readonly kind: 'injected'; readonly file: string }

export interface TriggerPlan {
  readonly monitor: string
  /** Nothing below the first, everything from the second on; the same: a threshold. */
  readonly from: number
  readonly to: number
}

export interface ActionPlan {
  /** As configured, with its prefix: stats have it. */
  readonly name: string
  /** null: accepted, nothing to do. */
  readonly action: OverloadActionName | null
  readonly triggers: readonly TriggerPlan[]
}

export interface OverloadPlan {
  readonly refreshMs: number
  readonly monitors: readonly MonitorPlan[]
  readonly actions: readonly ActionPlan[]
  /** Of all listeners together; Infinity: no limit. */
  readonly maxConnections: number
}

export const NO_OVERLOAD_MANAGER: OverloadPlan = {
  refreshMs: 0,
  monitors: [],
  actions: [],
  maxConnections: Number.POSITIVE_INFINITY,
}

/** Actions of Envoy that this release does not take, and why. */
const REFUSED_ACTIONS: Readonly<Record<string, string>> = {
  stop_accepting_connections: 'connections cannot be left waiting here; use reject_incoming_connections',
  reduce_timeouts: 'timeouts are not scaled by this release',
  reset_high_memory_stream: 'memory is not accounted by stream',
}

function compileActions(
  json: OverloadManagerJson,
  monitors: ReadonlySet<string>,
  diagnostics: Diagnostics,
  path: ConfigPath,
): ActionPlan[] {
  return (json.actions ?? []).map((action, i) => {
    const at = path.field('actions').index(i)
    const triggers = (action.triggers ?? []).map((trigger, n) =>
      compileTrigger(trigger, monitors, diagnostics, at.field('triggers').index(n)),
    )
    return { name: action.name ?? '', action: compileAction(action, diagnostics, at), triggers }
  })
}

function compileAction({ name = '' }: OverloadActionJson, diagnostics: Diagnostics, at: ConfigPath) {
  const known = OVERLOAD_ACTIONS.find(action => name === ACTION_PREFIX + action)
  // The engine gives memory back by itself, all the time.
  if (known !== undefined || name === `${ACTION_PREFIX}shrink_heap`) return known ?? null
  const reason = REFUSED_ACTIONS[name.replace(ACTION_PREFIX, '')]
  const message = reason === undefined ? `there is no overload action ${name}` : `${name} is not supported: ${reason}`
  const expected = `one of ${[...OVERLOAD_ACTIONS, 'shrink_heap'].map(action => ACTION_PREFIX + action).join(', ')}`
  diagnostics.error(at.field('name'), message, { expected, found: name })
  return null
}

function compileTrigger(
  { name = '', threshold, scaled }: TriggerJson,
  monitors: ReadonlySet<string>,
  diagnostics: Diagnostics,
  at: ConfigPath,
): TriggerPlan {
  if (!monitors.has(name)) {
    diagnostics.error(at.field('name'), `no resource monitor is called ${name}`, {
      expected: monitors.size === 0 ? 'a resource monitor' : `one of ${[...monitors].join(', ')}`,
      found: name,
    })
  }
  const from = Number(threshold?.value ?? scaled?.scalingThreshold ?? 0)
  const to = Number(threshold?.value ?? scaled?.saturationThreshold ?? 0)
  if (scaled !== undefined && from >= to) {
    diagnostics.error(at.field('scaled'), 'scaling_threshold must be below saturation_threshold')
  }
  return { monitor: name, from, to }
}

/** `path`: of overload_manager. */
export function compileOverload(
  json: OverloadManagerJson | undefined,
  diagnostics: Diagnostics,
  path: ConfigPath,
): OverloadPlan {
  if (json === undefined) return NO_OVERLOAD_MANAGER
  const monitors: MonitorPlan[] = []
  const names = new Set<string>()
  let { maxConnections } = NO_OVERLOAD_MANAGER
  ;(json.resourceMonitors ?? []).forEach(({ name = '', typedConfig = {} }, i) => {
    const at = path.field('resource_monitors').index(i)
    if (names.has(name)) diagnostics.error(at.field('name'), `two resource monitors are called ${name}`)
    const config = typedConfig as Record<string, unknown>
    const type = typeName(typedConfig)
    if (type === CONNECTIONS) {
      // No trigger asks for it: it is a limit.
      maxConnections = Number(config['maxActiveDownstreamConnections'])
      return
    }
    names.add(name)
    if (type === FIXED_HEAP)
      monitors.push({ name, kind: 'fixed_heap', maxBytes: Number(config['maxHeapSizeBytes'] ?? 0) })
    else if (type === INJECTED) monitors.push({ name, kind: 'injected', file: String(config['filename'] ?? '') })
    else diagnostics.error(at.field('typed_config'), `no resource monitor reads ${type}`)
  })
  return {
    refreshMs: durationMs(json.refreshInterval, DEFAULT_REFRESH_MS),
    monitors,
    actions: compileActions(json, names, diagnostics, path),
    maxConnections,
  }
}
