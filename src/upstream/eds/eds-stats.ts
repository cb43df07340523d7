import { versionGauge } from '../../config/index.ts'
import { type StatBlock, type StatStore, type StatText, statTemplate } from '../../observability/index.ts'
import { CLUSTER_SLOTS, CLUSTER_STATS } from '../stats.ts'

/** What an EDS cluster counts besides CLUSTER_STATS. */
const EDS_STATS = statTemplate({
  counters: ['init_fetch_timeout', 'update_rejected'],
  gauges: ['update_time', 'version'],
})

export type EdsEvent =
  | 'update_attempt'
  | 'update_rejected'
  | 'init_fetch_timeout'
  | 'update_failure'
  | 'update_empty'
  | 'update_no_rebuild'
  | 'assignment_stale'
  | 'assignment_timeout_received'

/** `cluster.<name>.`: how the discovery of its hosts goes. */
export class EdsStats {
  readonly prefix: string
  private readonly own: Float64Array
  private readonly cluster: Float64Array
  private readonly text: StatText

  constructor(store: StatStore, prefix: string) {
    this.prefix = prefix
    this.text = store.text(`${prefix}version_text`)
    this.own = store.block(prefix, EDS_STATS).cells
    const block: StatBlock = store.block(prefix, CLUSTER_STATS)
    this.cluster = block.cells
  }

  count(event: EdsEvent): void {
    if (event === 'update_rejected' || event === 'init_fetch_timeout') this.own[EDS_STATS.slot(event)]! += 1
    else this.cluster[CLUSTER_SLOTS[event]]! += 1
  }

  accepted(version: string): void {
    this.cluster[CLUSTER_SLOTS.update_success]! += 1
    this.own[EDS_STATS.slot('update_time')] = Date.now()
    this.own[EDS_STATS.slot('version')] = versionGauge(version)
    this.text.value = version
  }
}
