// MT19937, the generator of C++'s std::mt19937: bounded load must shuffle hosts as Envoy does.

const SIZE = 624
const MIDDLE = 397

export class MersenneTwister {
  private readonly state = new Uint32Array(SIZE)
  private index = SIZE

  /** Begins anew; only the lower 32 bits of a seed count. */
  seed(seed: number): void {
    const { state } = this
    state[0] = seed
    for (let at = 1; at < SIZE; at++) {
      const before = state[at - 1] as number
      state[at] = Math.imul(before ^ (before >>> 30), 1_812_433_253) + at
    }
    this.index = SIZE
  }

  /** 32 random bits. */
  next(): number {
    if (this.index === SIZE) this.refill()
    let value = this.state[this.index++] as number
    value ^= value >>> 11
    value ^= (value << 7) & 0x9d2c_5680
    value ^= (value << 15) & 0xefc6_0000
    return (value ^ (value >>> 18)) >>> 0
  }

  private refill(): void {
    const { state } = this
    for (let at = 0; at < SIZE; at++) {
      const mixed = ((state[at] as number) & 0x8000_0000) | ((state[(at + 1) % SIZE] as number) & 0x7fff_ffff)
      const odd = (mixed & 1) === 1 ? 0x9908_b0df : 0
      state[at] = (state[(at + MIDDLE) % SIZE] as number) ^ (mixed >>> 1) ^ odd
    }
    this.index = 0
  }
}
