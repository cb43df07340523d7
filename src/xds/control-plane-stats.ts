import { type StatStore, type StatText, statTemplate } from '../observability/index.ts'

const CONTROL_PLANE = statTemplate({
  counters: ['rate_limit_enforced'],
  gauges: ['connected_state', 'pending_requests'],
})

/** `<prefix>control_plane.`: how it stands between the proxy and one stream's server. */
export class ControlPlaneStats {
  private readonly cells: Float64Array
  private readonly text: StatText

  constructor(store: StatStore, prefix: string) {
    const own = `${prefix}control_plane.`
    this.cells = store.block(own, CONTROL_PLANE).cells
    this.cells[CONTROL_PLANE.slot('connected_state')] = 0
    this.cells[CONTROL_PLANE.slot('pending_requests')] = 0
    this.text = store.text(`${own}identifier`)
  }

  connected(yes: boolean): void {
    this.cells[CONTROL_PLANE.slot('connected_state')] = yes ? 1 : 0
  }

  rateLimited(): void {
    this.cells[CONTROL_PLANE.slot('rate_limit_enforced')]! += 1
  }

  pending(requests: number): void {
    this.cells[CONTROL_PLANE.slot('pending_requests')] = requests
  }

  identifier(text: string): void {
    this.text.value = text
  }
}
