import { SubscriptionStats } from '../config/index.ts'
import { type StatStore, statTemplate } from '../observability/index.ts'

const RELOAD = statTemplate({ counters: ['config_reload'], gauges: ['config_reload_time_ms'] })

/** Of a subscription to all clusters or listeners: how often anything of it has changed. */
export class ReloadStats extends SubscriptionStats {
  private readonly reloads: Float64Array

  constructor(store: StatStore, prefix: string) {
    super(store, prefix)
    this.reloads = store.block(prefix, RELOAD).cells
  }

  onReload(): void {
    this.reloads[RELOAD.slot('config_reload')]! += 1
    this.reloads[RELOAD.slot('config_reload_time_ms')] = Date.now()
  }
}
