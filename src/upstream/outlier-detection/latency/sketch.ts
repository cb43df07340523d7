// A histogram that forgets: what came in an interval counts less with every interval after it.
import { bucketStartMs, LATENCY_BUCKETS } from './buckets.ts'

export class LatencySketch {
  private readonly weights = new Float64Array(LATENCY_BUCKETS)
  private weight = 0
  /** Sum of the squared weights of single requests: tells how many requests the sketch is worth. */
  private squares = 0

  /** Everything so far counts `factor` times what it did. */
  decay(factor: number): void {
    if (this.weight === 0) return
    const { weights } = this
    for (let i = 0; i < weights.length; i++) weights[i]! *= factor
    this.weight *= factor
    this.squares *= factor * factor
  }

  /** `count` requests in a bucket. */
  add(bucket: number, count: number): void {
    this.weights[bucket]! += count
    this.weight += count
    this.squares += count
  }

  addAll(other: LatencySketch): void {
    for (let i = 0; i < this.weights.length; i++) this.weights[i]! += other.weights[i] as number
    this.weight += other.weight
    this.squares += other.squares
  }

  clear(): void {
    this.weights.fill(0)
    this.weight = 0
    this.squares = 0
  }

  /** How many equally weighted requests would tell as much. */
  get volume(): number {
    return this.squares === 0 ? 0 : (this.weight * this.weight) / this.squares
  }

  /** Ms at a quantile of this sketch, `without` another that was added to it. */
  quantileMs(quantile: number, without: LatencySketch | null = null): number {
    const total = this.weight - (without?.weight ?? 0)
    if (total <= 0) return 0
    const rank = Math.min(Math.max(quantile, 0), 1) * total
    let sum = 0
    let last = 0
    for (let i = 0; i < this.weights.length; i++) {
      const here = (this.weights[i] as number) - (without === null ? 0 : (without.weights[i] as number))
      if (here <= 0) continue
      last = i
      if (sum + here >= rank) {
        const [from, to] = [bucketStartMs(i), bucketStartMs(i + 1)]
        return from + ((to - from) * Math.max(rank - sum, 0)) / here
      }
      sum += here
    }
    return bucketStartMs(last)
  }

  /** `volume` of what is left without a part. */
  volumeWithout(part: LatencySketch): number {
    const [weight, squares] = [this.weight - part.weight, this.squares - part.squares]
    return squares <= 0 ? 0 : (weight * weight) / squares
  }
}
