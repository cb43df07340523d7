import { type StatStore, statTemplate } from '../../observability/index.ts'

const SDS = statTemplate({
  counters: [
    'init_fetch_timeout',
    'key_rotation_failed',
    'update_attempt',
    'update_failure',
    'update_rejected',
    'update_success',
  ],
  gauges: ['update_time', 'version'],
})

export const secretStatPrefix = (name: string): string => `sds.${name}.`

/** `sds.<name>.`, written by main alone. */
export class SecretStats {
  private readonly cells: Float64Array

  constructor(store: StatStore, name: string) {
    this.cells = store.block(secretStatPrefix(name), SDS).cells
  }

  private add(stat: string): void {
    this.cells[SDS.slot(stat)]! += 1
  }

  accepted(nowMs: number): void {
    this.add('update_attempt')
    this.add('update_success')
    this.cells[SDS.slot('update_time')] = nowMs
  }

  /** `readable`: it was a secret, but one that does not hold together. */
  refused(readable: boolean): void {
    this.add('update_attempt')
    this.add(readable ? 'update_rejected' : 'update_failure')
    if (readable) this.add('key_rotation_failed')
  }
}
