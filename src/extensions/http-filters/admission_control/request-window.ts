// HOT FILE (docs/hot-path.md): requests and successes of the last seconds, in a ring of one cell per second.

export class RequestWindow {
  requests = 0
  successes = 0
  private readonly seconds: number
  private readonly cells: Float64Array
  /** The second that the newest cell stands for. */
  private newest = -1

  constructor(windowMs: number) {
    this.seconds = Math.max(Math.ceil(windowMs / 1000), 1)
    this.cells = new Float64Array(this.seconds * 2)
  }

  record(nowMs: number, success: boolean): void {
    this.advance(nowMs)
    const at = (this.newest % this.seconds) * 2
    this.cells[at]! += 1
    this.requests++
    if (!success) return
    this.cells[at + 1]! += 1
    this.successes++
  }

  /** Forgets what is too old by `nowMs`. */
  advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (this.newest < 0) this.newest = second
    if (second - this.newest >= this.seconds) {
      this.cells.fill(0)
      this.requests = 0
      this.successes = 0
      this.newest = second
      return
    }
    while (this.newest < second) {
      this.newest++
      const at = (this.newest % this.seconds) * 2
      this.requests -= this.cells[at]!
      this.successes -= this.cells[at + 1]!
      this.cells[at] = 0
      this.cells[at + 1] = 0
    }
  }

  get requestsPerSecond(): number {
    return this.requests / this.seconds
  }
}
