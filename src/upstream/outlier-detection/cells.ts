// What each worker counts of each host for outlier detection, in memory that main reads.
import { LATENCY_BUCKETS } from './latency/buckets.ts'

/** Requests answered, and those of them that count as successes. */
export const OD_TOTAL = 0
export const OD_SUCCESS = 1
/** Attempts as seen from here: connecting and waiting; kept where local origin errors are judged apart. */
export const OD_LOCAL_TOTAL = 2
export const OD_LOCAL_SUCCESS = 3
/** First of LATENCY_BUCKETS cells; there where latency is watched. */
export const OD_LATENCY = 4

export function outlierCells(withLatency: boolean): number {
  return OD_LATENCY + (withLatency ? LATENCY_BUCKETS : 0)
}

/** A worker's new cells of one host; posted to main once. They count up and wrap around. */
export interface OutlierCellsReport {
  readonly cluster: string
  readonly key: string
  readonly workerIndex: number
  readonly cells: Int32Array
}
