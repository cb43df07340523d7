import { log, type StatBlock, type StatStore, statTemplate } from '../observability/index.ts'

const SERVER = statTemplate({
  counters: [
    'debug_assertion_failures',
    'dynamic_unknown_fields',
    'envoy_bug_failures',
    'static_unknown_fields',
    'wip_protos',
    'worker_restarts',
  ],
  gauges: [
    'concurrency',
    'days_until_first_cert_expiring',
    'hot_restart_epoch',
    'hot_restart_generation',
    'live',
    'memory_allocated',
    'memory_heap_size',
    'memory_physical_size',
    'parent_connections',
    'seconds_until_first_ocsp_response_expiring',
    'state',
    'total_connections',
    'uptime',
    'version',
  ],
  histograms: ['initialization_time_ms'],
})

const LISTENER_MANAGER = statTemplate({
  counters: [
    'listener_added',
    'listener_create_failure',
    'listener_create_success',
    'listener_in_place_updated',
    'listener_modified',
    'listener_removed',
    'listener_stopped',
  ],
  gauges: [
    'total_filter_chains_draining',
    'total_listeners_active',
    'total_listeners_draining',
    'total_listeners_warming',
    'workers_started',
  ],
  histograms: [],
})

const RUNTIME = statTemplate({
  counters: ['deprecated_feature_use', 'load_error', 'load_success', 'override_dir_exists', 'override_dir_not_exists'],
  gauges: ['admin_overrides_active', 'deprecated_feature_seen_since_process_start', 'num_keys', 'num_layers'],
  histograms: [],
})

const set = (block: StatBlock, slot: number, value: number): void => {
  block.cells[slot] = value
}
const S = (name: string): number => SERVER.slot(name)
const L = (name: string): number => LISTENER_MANAGER.slot(name)

/** Envoy's `server.state` values. */
export const SERVER_STATES = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2, INITIALIZING: 3 } as const
export type ServerState = keyof typeof SERVER_STATES

/** What the server tells of itself at each flush. */
export interface ServerGauges {
  readonly state: ServerState
  readonly uptimeS: number
  readonly live: boolean
  readonly totalConnections: number
  readonly activeListeners: number
  readonly warmingListeners: number
  /** Null: no certificate is in use. */
  readonly daysUntilFirstCertExpiring: number | null
}

/** `server.`, `listener_manager.` and `runtime.`: what main counts itself. */
export class ServerStats {
  private readonly server: StatBlock
  private readonly listenerManager: StatBlock
  private readonly runtime: StatBlock

  constructor(store: StatStore, concurrency: number, restartEpoch: number) {
    this.server = store.block('server.', SERVER)
    this.listenerManager = store.block('listener_manager.', LISTENER_MANAGER)
    this.runtime = store.block('runtime.', RUNTIME)
    set(this.server, S('concurrency'), concurrency)
    set(this.server, S('hot_restart_epoch'), restartEpoch)
  }

  /** `folders`: layers that come from files. */
  runtimeLoaded(layers: number, keys: number, folders: number, failed: boolean): void {
    const count = (name: string): void => {
      this.runtime.cells[RUNTIME.slot(name)]! += 1
    }
    count(failed ? 'load_error' : 'load_success')
    // As Envoy: the second folder is the one that overrides.
    count(folders > 1 ? 'override_dir_exists' : 'override_dir_not_exists')
    set(this.runtime, RUNTIME.slot('num_layers'), layers)
    set(this.runtime, RUNTIME.slot('num_keys'), keys)
  }

  listenerEvent(event: 'added' | 'modified' | 'removed' | 'stopped' | 'create_success' | 'create_failure'): void {
    this.listenerManager.cells[L(`listener_${event}`)]! += 1
  }

  /** Everything serves; `ms` after the start. */
  started(ms: number): void {
    set(this.listenerManager, L('workers_started'), 1)
    this.server.histogram(S('initialization_time_ms')).record(ms)
  }

  unknownDynamicField(): void {
    this.server.cells[S('dynamic_unknown_fields')]! += 1
  }

  workerRestarted(): void {
    this.server.cells[S('worker_restarts')]! += 1
  }

  update(gauges: ServerGauges): void {
    const { server } = this
    set(server, S('state'), SERVER_STATES[gauges.state])
    set(server, S('uptime'), Math.floor(gauges.uptimeS))
    set(server, S('live'), gauges.live ? 1 : 0)
    set(server, S('total_connections'), gauges.totalConnections)
    const days = gauges.daysUntilFirstCertExpiring
    if (days !== null) set(server, S('days_until_first_cert_expiring'), days)
    this.updateMemory()
    set(this.listenerManager, L('total_listeners_active'), gauges.activeListeners)
    set(this.listenerManager, L('total_listeners_warming'), gauges.warmingListeners)
  }

  private updateMemory(): void {
    const usage = memoryUsage()
    if (usage === null) return
    const { rss, heapTotal, heapUsed, external } = usage
    // Of the main thread: workers have heaps of their own, which only the physical size covers.
    set(this.server, S('memory_allocated'), heapUsed + external)
    set(this.server, S('memory_heap_size'), heapTotal + external)
    set(this.server, S('memory_physical_size'), rss)
  }
}

/** Null while descriptors have run out: reading the resident size takes one, and traffic must not end for a gauge. */
function memoryUsage(): NodeJS.MemoryUsage | null {
  try {
    return process.memoryUsage()
  } catch (error) {
    log('main').debug('memory gauges keep their last values', { error: String(error) })
    return null
  }
}
