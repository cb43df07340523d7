// HOT FILE (docs/hot-path.md): earliest deadline first: picks in proportion to weights, spread out, without blocks.

/**
 * A tournament of entries 0..n-1 by deadline; equal deadlines come in the order they were entered. Each match keeps its loser,
 * so the winner's next turn is a walk over the matches between its place and the final. Which matches these are is known
 * beforehand, and the processor fetches them all at once: half the time of a heap of 10,000.
 */
export class EdfSchedule {
  private readonly count: number
  private readonly weights: readonly number[]
  private readonly turns: Float64Array
  /** By match; match 1 is the final, and match m is between the winners of 2m and 2m + 1. Entry e sits at n + e. */
  private readonly losers: Int32Array
  private readonly deadlines: Float64Array
  private readonly orders: Float64Array
  private winner = 0
  private winnerDeadline = 0
  private lastOrder: number

  /** `weights` above 0; `phase` 0 to 1: where in the rotation to begin, so that not every worker begins alike. */
  constructor(weights: readonly number[], phase: number) {
    const count = weights.length
    this.count = count
    this.weights = weights
    this.turns = new Float64Array(count)
    // Whole weights come round after a time of 1; this is what a schedule from 0 would look like at `phase`.
    for (let entry = 0; entry < count; entry++) this.turns[entry] = Math.floor(phase * (weights[entry] as number)) + 1
    this.losers = new Int32Array(count)
    this.deadlines = new Float64Array(count)
    this.orders = new Float64Array(count)
    this.lastOrder = count
    this.play()
  }

  /** All matches, from the first round to the final. */
  private play(): void {
    const { count, turns, weights, losers, deadlines, orders } = this
    const winners = new Int32Array(2 * count)
    const due = new Float64Array(count)
    for (let entry = 0; entry < count; entry++) {
      due[entry] = (turns[entry] as number) / (weights[entry] as number)
      winners[count + entry] = entry
    }
    for (let match = count - 1; match > 0; match--) {
      const left = winners[2 * match] as number
      const right = winners[2 * match + 1] as number
      const a = due[left] as number
      const b = due[right] as number
      const leftWins = a < b || (a === b && left < right)
      const loser = leftWins ? right : left
      winners[match] = leftWins ? left : right
      losers[match] = loser
      deadlines[match] = due[loser] as number
      orders[match] = loser
    }
    this.winner = winners[1] as number
    this.winnerDeadline = due[this.winner] as number
  }

  /** The entry whose turn it is. */
  peek(): number {
    return this.winner
  }

  /** Ends the turn of peek(): it comes again after 1 / weight. */
  advance(): void {
    const entry = this.winner
    const turns = (this.turns[entry] as number) + 1
    this.turns[entry] = turns
    // Divided afresh, not added up: rounding errors would break the ties that keep turns evenly spaced.
    this.reenter(turns / (this.weights[entry] as number))
  }

  /** advance() with a weight that changes from turn to turn; the two are not to be mixed. */
  advanceBy(weight: number): void {
    this.reenter(this.winnerDeadline + 1 / weight)
  }

  private reenter(ownDeadline: number): void {
    const { losers, deadlines, orders } = this
    let entry = this.winner
    let deadline = ownDeadline
    let order = this.lastOrder++
    for (let match = (this.count + entry) >>> 1; match > 0; match >>>= 1) {
      const other = deadlines[match] as number
      if (other > deadline) continue
      const otherOrder = orders[match] as number
      if (other === deadline && otherOrder > order) continue
      const otherEntry = losers[match] as number
      losers[match] = entry
      deadlines[match] = deadline
      orders[match] = order
      entry = otherEntry
      deadline = other
      order = otherOrder
    }
    this.winner = entry
    this.winnerDeadline = deadline
  }
}
