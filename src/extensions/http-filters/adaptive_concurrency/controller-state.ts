// HOT FILE (docs/hot-path.md): what all workers know of one controller, in memory that they share.
import { HISTOGRAM_CELLS, LatencyHistogram } from './latency-histogram.ts'

/** Doubles. Moments are in ms of the clock that all threads read alike. */
const SAMPLE_DEADLINE = 0
const MIN_RTT_DEADLINE = 1
const EPOCH = 2
const DOUBLES = 3
/** 32-bit integers behind them. */
const LOCK = DOUBLES * 2
const OWNER = LOCK + 1
const LIMIT = LOCK + 2
const DEFERRED = LOCK + 3
const MIN_RTT_US = LOCK + 4
const AT_MINIMUM = LOCK + 5
const HISTOGRAM = LOCK + 6

export const STATE_CELLS = Math.ceil((HISTOGRAM + HISTOGRAM_CELLS) / 2)

/** Held for microseconds; whoever holds it longer has died. */
const LOCK_MS = 1000
const MAX_SPINS = 1_000_000

export class ControllerState {
  readonly latencies: LatencyHistogram
  private readonly ints: Int32Array
  private readonly doubles: Float64Array
  private readonly id: number

  /** `id`: of the configuration, not 0. */
  constructor(cells: BigInt64Array, id: number) {
    this.id = id
    this.doubles = new Float64Array(cells.buffer, cells.byteOffset, cells.length)
    this.ints = new Int32Array(cells.buffer, cells.byteOffset, cells.length * 2)
    this.latencies = new LatencyHistogram(this.ints.subarray(HISTOGRAM, HISTOGRAM + HISTOGRAM_CELLS))
  }

  /** True: nobody has begun yet, and the caller does, with the lock held. False: all is there. */
  claim(nowMs: number): boolean {
    for (let spin = 0; spin < MAX_SPINS; spin++) {
      if (Atomics.load(this.ints, OWNER) !== 0) return false
      if (!this.tryLock(nowMs)) continue
      if (Atomics.load(this.ints, OWNER) === 0) return true
      this.unlock()
    }
    return false
  }

  ready(): void {
    Atomics.store(this.ints, OWNER, this.id)
  }

  /** False: another configuration has come in place of this one, and rules. */
  get current(): boolean {
    return Atomics.load(this.ints, OWNER) === this.id
  }

  tryLock(nowMs: number): boolean {
    const mine = Math.floor(nowMs) | 1
    const held = Atomics.compareExchange(this.ints, LOCK, 0, mine)
    if (held === 0) return true
    return ((mine - held) | 0) > LOCK_MS && Atomics.compareExchange(this.ints, LOCK, held, mine) === held
  }

  unlock(): void {
    Atomics.store(this.ints, LOCK, 0)
  }

  get limit(): number {
    return Atomics.load(this.ints, LIMIT)
  }
  set limit(requests: number) {
    Atomics.store(this.ints, LIMIT, requests)
  }

  /** The limit that comes back after the measurement of minRTT that is under way; 0: none is. */
  get deferredLimit(): number {
    return Atomics.load(this.ints, DEFERRED)
  }
  set deferredLimit(requests: number) {
    Atomics.store(this.ints, DEFERRED, requests)
  }

  get minRttUs(): number {
    return Atomics.load(this.ints, MIN_RTT_US)
  }
  set minRttUs(us: number) {
    Atomics.store(this.ints, MIN_RTT_US, us)
  }

  /** How many times in a row the limit was set to the least one. */
  get timesAtMinimum(): number {
    return Atomics.load(this.ints, AT_MINIMUM)
  }
  set timesAtMinimum(times: number) {
    Atomics.store(this.ints, AT_MINIMUM, times)
  }

  /** Requests from before it tell nothing. */
  get epochMs(): number {
    return this.doubles[EPOCH]!
  }
  set epochMs(ms: number) {
    this.doubles[EPOCH] = ms
  }

  get sampleDeadlineMs(): number {
    return this.doubles[SAMPLE_DEADLINE]!
  }
  set sampleDeadlineMs(ms: number) {
    this.doubles[SAMPLE_DEADLINE] = ms
  }

  get minRttDeadlineMs(): number {
    return this.doubles[MIN_RTT_DEADLINE]!
  }
  set minRttDeadlineMs(ms: number) {
    this.doubles[MIN_RTT_DEADLINE] = ms
  }
}
