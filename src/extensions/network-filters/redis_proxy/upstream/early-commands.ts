import type { Connection } from '../../../../net/index.ts'

const FIRST_CAPACITY = 1024

/** Commands for a connection that does not stand yet. */
export class EarlyCommands {
  private held = Buffer.alloc(0)
  private end = 0

  get bytes(): number {
    return this.end
  }

  add(source: Buffer, start: number, end: number): void {
    const size = end - start
    if (this.held.length - this.end < size) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, 2 * this.held.length, this.end + size))
      this.held.copy(larger, 0, 0, this.end)
      this.held = larger
    }
    source.copy(this.held, this.end, start, end)
    this.end += size
  }

  sendTo(connection: Connection): void {
    if (this.end > 0) connection.write(this.held, 0, this.end)
  }
}
