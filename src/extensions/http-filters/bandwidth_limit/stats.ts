import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

const direction = (way: string): { counters: string[]; gauges: string[]; histograms: string[] } => ({
  counters: [`${way}_allowed_total_size`, `${way}_enabled`, `${way}_enforced`, `${way}_incoming_total_size`],
  gauges: [`${way}_allowed_size`, `${way}_incoming_size`, `${way}_pending`],
  histograms: [`${way}_transfer_duration`],
})
const [request, response] = [direction('request'), direction('response')]

const BANDWIDTH_STATS = statTemplate({
  counters: [...request.counters, ...response.counters],
  gauges: [...request.gauges, ...response.gauges],
  histograms: [...request.histograms, ...response.histograms],
})

/** The slots of one direction. */
export interface DirectionSlots {
  readonly allowedTotal: number
  readonly enabled: number
  readonly enforced: number
  readonly incomingTotal: number
  readonly allowed: number
  readonly incoming: number
  readonly pending: number
  readonly duration: number
}

const slotsOf = (way: string): DirectionSlots => ({
  allowedTotal: BANDWIDTH_STATS.slot(`${way}_allowed_total_size`),
  enabled: BANDWIDTH_STATS.slot(`${way}_enabled`),
  enforced: BANDWIDTH_STATS.slot(`${way}_enforced`),
  incomingTotal: BANDWIDTH_STATS.slot(`${way}_incoming_total_size`),
  allowed: BANDWIDTH_STATS.slot(`${way}_allowed_size`),
  incoming: BANDWIDTH_STATS.slot(`${way}_incoming_size`),
  pending: BANDWIDTH_STATS.slot(`${way}_pending`),
  duration: BANDWIDTH_STATS.slot(`${way}_transfer_duration`),
})

export const REQUEST_SLOTS = slotsOf('request')
export const RESPONSE_SLOTS = slotsOf('response')

export const bandwidthStats = (thread: ThreadContext, statPrefix: string): StatBlock =>
  thread.stats.block(`${statPrefix}.http_bandwidth_limit.`, BANDWIDTH_STATS)
