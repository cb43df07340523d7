// Looks for patterns in a body that comes in pieces; keeps no more of it than the longest pattern.
export class BodySearch {
  private missing: readonly Buffer[]
  private leftBytes: number
  private readonly longest: number
  /** The end of what has been seen: a pattern may begin there. */
  private tail: Buffer = Buffer.alloc(0)

  /** `limitBytes` 0: the whole body is looked at. */
  constructor(patterns: readonly Buffer[], limitBytes: number) {
    this.missing = patterns
    this.leftBytes = limitBytes === 0 ? Number.POSITIVE_INFINITY : limitBytes
    this.longest = Math.max(0, ...patterns.map(({ length }) => length))
  }

  get foundAll(): boolean {
    return this.missing.length === 0
  }

  /** No more will be looked at. */
  get over(): boolean {
    return this.leftBytes <= 0
  }

  look(piece: Buffer): void {
    const seen = piece.subarray(0, Math.min(piece.length, this.leftBytes))
    this.leftBytes -= seen.length
    // Across the seam first, then the piece itself: neither is copied whole.
    const seam = Buffer.concat([this.tail, seen.subarray(0, Math.max(0, this.longest - 1))])
    this.missing = this.missing.filter(pattern => !seam.includes(pattern) && !seen.includes(pattern))
    const kept = Math.max(0, this.longest - 1)
    const end = seen.length >= kept ? seen : Buffer.concat([this.tail, seen])
    this.tail = kept === 0 ? Buffer.alloc(0) : Buffer.from(end.subarray(Math.max(0, end.length - kept)))
  }
}
