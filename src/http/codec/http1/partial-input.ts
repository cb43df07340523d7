import { LF } from './characters.ts'

/** Bytes of a head whose end has not arrived. Grows by doubling, so byte-by-byte arrival costs linear time. */
export class PartialInput {
  private bytes: Buffer | null = null
  private size = 0
  /** Bytes [0, scanned) hold no line end that a scan has not seen yet. */
  private pendingLine = false

  get empty(): boolean {
    return this.size === 0
  }

  get length(): number {
    return this.size
  }

  append(data: Buffer, start: number, end: number): void {
    const need = this.size + end - start
    if (this.bytes === null || this.bytes.length < need) {
      const grown = Buffer.allocUnsafeSlow(Math.max(need, 512, (this.bytes?.length ?? 0) * 2))
      this.bytes?.copy(grown, 0, 0, this.size)
      this.bytes = grown
    }
    data.copy(this.bytes, this.size, start, end)
    if (!this.pendingLine) this.pendingLine = this.size < 64 || this.bytes.subarray(this.size, need).includes(LF)
    this.size = need
  }

  /** Whether scanning again could get further: a line has ended, or the head is short enough to judge its beginning. */
  get worthScanning(): boolean {
    return this.pendingLine
  }

  /** All bytes; the caller scans them and then calls `consume`. */
  get buffer(): Buffer {
    return this.bytes as Buffer
  }

  /** Forgets bytes [0, position). */
  consume(position: number): void {
    this.pendingLine = false
    if (position >= this.size) {
      this.bytes = null
      this.size = 0
      return
    }
    if (position > 0) {
      ;(this.bytes as Buffer).copyWithin(0, position, this.size)
      this.size -= position
    }
  }

  /** Takes everything out. */
  drain(): Buffer {
    const all = this.bytes === null ? Buffer.alloc(0) : this.bytes.subarray(0, this.size)
    this.bytes = null
    this.size = 0
    this.pendingLine = false
    return all
  }
}
