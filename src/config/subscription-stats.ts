import { xxHash64Halves } from '../base/index.ts'
import { type StatStore, type StatText, statTemplate } from '../observability/index.ts'

const SUBSCRIPTION = statTemplate({
  counters: ['init_fetch_timeout', 'update_attempt', 'update_failure', 'update_rejected', 'update_success'],
  gauges: ['update_time', 'version'],
})

const WORD = 2 ** 32
const halves = new Uint32Array(2)

/** The gauge `version`: a hash of the version, as near as a number with 53 bits comes to it. */
export function versionGauge(version: string): number {
  xxHash64Halves(version, 0, halves, 0)
  return (halves[1] as number) * WORD + (halves[0] as number)
}

/** Stats of one subscription, under `prefix`. */
export class SubscriptionStats {
  private readonly cells: Float64Array
  private readonly text: StatText

  constructor(store: StatStore, prefix: string) {
    this.text = store.text(`${prefix}version_text`)
    this.cells = store.block(prefix, SUBSCRIPTION).cells
  }

  private add(stat: string): void {
    this.cells[SUBSCRIPTION.slot(stat)]! += 1
  }

  onAttempt(): void {
    this.add('update_attempt')
  }

  onAccepted(version: string): void {
    this.add('update_success')
    this.cells[SUBSCRIPTION.slot('update_time')] = Date.now()
    this.cells[SUBSCRIPTION.slot('version')] = versionGauge(version)
    this.text.value = version
  }

  onRejected(): void {
    this.add('update_rejected')
  }

  onFailure(): void {
    this.add('update_failure')
  }

  onFetchTimeout(): void {
    this.add('init_fetch_timeout')
  }
}
