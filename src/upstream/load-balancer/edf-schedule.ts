// HOT FILE (docs/hot-path.md): earliest deadline first: picks in proportion to weights, spread out, without blocks.

/** A heap of entries 0..n-1 by deadline; equal deadlines come in the order they were entered. */
export class EdfSchedule {
  private readonly heap: Int32Array
  private readonly deadlines: Float64Array
  private readonly orders: Float64Array
  private readonly weights: readonly number[]
  private readonly turns: Float64Array
  private lastOrder = 0

  /** `weights` above 0; `phase` 0 to 1: where in the rotation to begin, so that not every worker begins alike. */
  constructor(weights: readonly number[], phase: number) {
    const count = weights.length
    this.heap = Int32Array.from({ length: count }, (_, index) => index)
    this.weights = weights
    // Whole weights come round after a time of 1; this is what a schedule from 0 would look like at `phase`.
    this.turns = Float64Array.from(weights, weight => Math.floor(phase * weight) + 1)
    this.deadlines = Float64Array.from(weights, (weight, index) => (this.turns[index] as number) / weight)
    this.orders = Float64Array.from({ length: count }, (_, index) => index)
    this.lastOrder = count
    for (let at = (count >> 1) - 1; at >= 0; at--) this.siftDown(at)
  }

  /** The entry whose turn it is. */
  peek(): number {
    return this.heap[0] as number
  }

  /** Ends the turn of peek(): it comes again after 1 / weight. */
  advance(): void {
    const entry = this.heap[0] as number
    const turns = (this.turns[entry] as number) + 1
    this.turns[entry] = turns
    // Divided afresh, not added up: rounding errors would break the ties that keep turns evenly spaced.
    this.reenter(entry, turns / (this.weights[entry] as number))
  }

  /** advance() with a weight that changes from turn to turn; the two are not to be mixed. */
  advanceBy(weight: number): void {
    const entry = this.heap[0] as number
    this.reenter(entry, (this.deadlines[entry] as number) + 1 / weight)
  }

  private reenter(entry: number, deadline: number): void {
    this.deadlines[entry] = deadline
    this.orders[entry] = this.lastOrder++
    this.siftDown(0)
  }

  private before(left: number, right: number): boolean {
    const a = this.deadlines[left] as number
    const b = this.deadlines[right] as number
    return a < b || (a === b && (this.orders[left] as number) < (this.orders[right] as number))
  }

  private siftDown(start: number): void {
    const { heap } = this
    const count = heap.length
    const entry = heap[start] as number
    let at = start
    for (;;) {
      let child = 2 * at + 1
      if (child >= count) break
      if (child + 1 < count && this.before(heap[child + 1] as number, heap[child] as number)) child++
      if (!this.before(heap[child] as number, entry)) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = entry
  }
}
