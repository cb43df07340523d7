/** Body bytes kept for later, such as for a filter that waits or for a retry. Copies what it is given. */
export class BodyBuffer {
  private readonly chunks: Buffer[] = []
  private bytes = 0

  get length(): number {
    return this.bytes
  }

  append(data: Buffer, start: number, end: number): void {
    if (end <= start) return
    this.chunks.push(Buffer.copyBytesFrom(data, start, end - start) as Buffer)
    this.bytes += end - start
  }

  /** Everything as one buffer; the content stays. */
  toBuffer(): Buffer {
    if (this.chunks.length > 1) {
      const whole = Buffer.concat(this.chunks, this.bytes)
      this.chunks.length = 0
      this.chunks.push(whole)
    }
    return this.chunks[0] ?? EMPTY
  }

  clear(): void {
    this.chunks.length = 0
    this.bytes = 0
  }
}

const EMPTY = Buffer.alloc(0)
