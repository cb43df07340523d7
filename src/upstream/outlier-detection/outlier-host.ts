// One host as outlier detection sees it on main: what workers have counted, and how often it was put out.
import { OD_LATENCY, OD_LOCAL_SUCCESS, OD_LOCAL_TOTAL, OD_SUCCESS, OD_TOTAL } from './cells.ts'
import { Ejection } from './ejection.ts'
import { LATENCY_BUCKETS } from './latency/buckets.ts'
import type { LatencySketch } from './latency/sketch.ts'
import type { EjectionType } from './outlier-plan.ts'

interface WorkerCells {
  readonly workerIndex: number
  readonly cells: Int32Array
  /** Their values when they were last read. */
  readonly seen: Int32Array
}

export interface Detection {
  readonly type: EjectionType
  /** Monotonic ms. */
  readonly atMs: number
  readonly enforced: boolean
  /** The numbers behind it, as in the event log, and of failures in a row how many they were. */
  readonly detail: object
}

export interface IntervalCounts {
  readonly total: number
  readonly success: number
}

export class OutlierHost {
  readonly key: string
  readonly address: string
  readonly ejection = new Ejection()
  /** Success rates in percent of the last interval; -1: too few requests. */
  readonly rates = { external: -1, local: -1 }
  /** Monotonic ms; -1: not degraded. */
  degradedAtMs = -1
  lastDetection: Detection | null = null
  private workers: WorkerCells[] = []
  /** Of the interval that is over: by OD_* cell below OD_LATENCY. */
  private readonly counts = new Float64Array(OD_LATENCY)

  constructor(key: string, address: string) {
    this.key = key
    this.address = address
  }

  addCells(workerIndex: number, cells: Int32Array): void {
    this.dropCells(workerIndex)
    this.workers.push({ workerIndex, cells, seen: new Int32Array(cells.length) })
  }

  dropCells(workerIndex: number): void {
    this.workers = this.workers.filter(worker => worker.workerIndex !== workerIndex)
  }

  /** Takes what was counted since the last call. */
  closeInterval(): void {
    this.counts.fill(0)
    for (const { cells, seen } of this.workers) {
      for (let i = 0; i < OD_LATENCY; i++) {
        const now = cells[i] as number
        // Cells wrap around; the difference does not mind.
        this.counts[i]! += (now - (seen[i] as number)) >>> 0
        seen[i] = now
      }
    }
  }

  interval(origin: 'external' | 'local'): IntervalCounts {
    const [total, success] = origin === 'external' ? [OD_TOTAL, OD_SUCCESS] : [OD_LOCAL_TOTAL, OD_LOCAL_SUCCESS]
    return { total: this.counts[total] as number, success: this.counts[success] as number }
  }

  /** Adds the latencies since the last call to a sketch. */
  takeLatencies(sketch: LatencySketch): void {
    for (const { cells, seen } of this.workers) {
      for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        const i = OD_LATENCY + bucket
        const now = cells[i] as number
        if (now === seen[i]) continue
        sketch.add(bucket, (now - (seen[i] as number)) >>> 0)
        seen[i] = now
      }
    }
  }
}
