// HOT FILE (docs/hot-path.md): keys that are known to be over their limit until their window ends.

/** What an entry takes besides its key: map slot, number, string header. */
const ENTRY_BYTES = 96

/** Saves asking Redis about what cannot change any more. Bounded by bytes; the oldest entry makes room. */
export class OverLimitCache {
  private readonly maxBytes: number
  private readonly untilSeconds = new Map<string, number>()
  private bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get size(): number {
    return this.untilSeconds.size
  }

  has(key: string, nowSeconds: number): boolean {
    const until = this.untilSeconds.get(key)
    if (until === undefined) return false
    if (nowSeconds < until) return true
    this.remove(key)
    return false
  }

  add(key: string, untilSeconds: number): void {
    if (this.untilSeconds.has(key)) return
    this.bytes += key.length + ENTRY_BYTES
    this.untilSeconds.set(key, untilSeconds)
    for (const oldest of this.untilSeconds.keys()) {
      if (this.bytes <= this.maxBytes) return
      this.remove(oldest)
    }
  }

  private remove(key: string): void {
    this.untilSeconds.delete(key)
    this.bytes -= key.length + ENTRY_BYTES
  }
}
