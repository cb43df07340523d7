// Which hosts are slower than the others: beyond what chance, a factor and a floor explain.
import type { LatencyPlan } from './latency-plan.ts'
import { LatencySketch } from './sketch.ts'

/** Standard deviations between what is measured and what is believed: one wrong judgement in about 700. */
const DOUBT = 3

export interface LatencyHost {
  readonly key: string
  readonly sketch: LatencySketch
}

export interface LatencyVerdict {
  readonly key: string
  /** The host's quantile, and the one of all others, in ms. */
  readonly hostMs: number
  readonly othersMs: number
  /** Requests that the host's figure rests on. */
  readonly volume: number
}

/** How far off a quantile of `volume` requests may be, as a share of their ranks. */
function doubt(quantile: number, volume: number): number {
  return DOUBT * Math.sqrt((quantile * (1 - quantile)) / volume)
}

/** All of the cluster in one sketch. */
export function mergeSketches(hosts: readonly LatencyHost[]): LatencySketch {
  const all = new LatencySketch()
  for (const { sketch } of hosts) all.addAll(sketch)
  return all
}

/**
 * `hosts`: those that take part. A host is slow when even the low end of what its quantile may be is `factor` times, and
 * by `floorMs`, above the high end of what the others' may be; so two modes of latency, or a heavy tail, need no rule of
 * their own: they widen the range that is believed.
 */
export function slowHosts(plan: LatencyPlan, hosts: readonly LatencyHost[]): readonly LatencyVerdict[] {
  const enough = hosts.filter(({ sketch }) => sketch.volume >= plan.requestVolume)
  if (enough.length < Math.max(plan.minimumHosts, 2)) return []
  const all = mergeSketches(enough)
  const { quantile, factor, floorMs } = plan
  return enough.flatMap(({ key, sketch }) => {
    const { volume } = sketch
    const othersVolume = all.volumeWithout(sketch)
    if (othersVolume <= 0) return []
    const low = sketch.quantileMs(quantile - doubt(quantile, volume))
    const high = all.quantileMs(quantile + doubt(quantile, othersVolume), sketch)
    if (low <= factor * high || low - high < floorMs) return []
    const hostMs = sketch.quantileMs(quantile)
    return [{ key, hostMs, othersMs: all.quantileMs(quantile, sketch), volume }]
  })
}
