// Memory that all workers see, found by name without asking the main thread: for limits that must hold across workers.

const SLOTS = 4096
const NAME = 0
const CONTENT = 1
const PLACE = 2
const SLOT_CELLS = 3
/** Number of the next free cell. */
const NEXT = SLOTS * SLOT_CELLS
const FIRST_FREE = NEXT + 8
/** One cache line: pieces of different owners must not share one. */
const LINE_CELLS = 8
/** The kernel backs only what has been touched, so what is never used costs nothing. */
const DEFAULT_CELLS = 1 << 20
/** A worker that died between two steps of a claim must not hold others up for ever. */
const MAX_SPINS = 1_000_000

/** 64-bit cells; a new piece is all zero. */
export class SharedCells {
  private readonly cells: BigInt64Array<SharedArrayBuffer>

  static allocate(cells: number = DEFAULT_CELLS): SharedArrayBuffer {
    const memory = new SharedArrayBuffer((FIRST_FREE + cells) * 8)
    new BigInt64Array(memory)[NEXT] = BigInt(FIRST_FREE)
    return memory
  }

  constructor(memory: SharedArrayBuffer) {
    this.cells = new BigInt64Array(memory)
  }

  /**
   * The piece of `name`, `length` cells, the same for all workers. Another `content` (what the piece is about: a limit's
   * figures) makes it zero again. Once there is no room left, the piece is the calling thread's own.
   */
  piece(name: string, content: string, length: number): BigInt64Array {
    const hash = hash64(`${name} ${length}`)
    const start = Number(BigInt.asUintN(12, hash))
    for (let probe = 0; probe < SLOTS; probe++) {
      const slot = ((start + probe) % SLOTS) * SLOT_CELLS
      const found = Atomics.compareExchange(this.cells, slot + NAME, 0n, hash)
      if (found === 0n) Atomics.store(this.cells, slot + PLACE, this.claim(length))
      else if (found !== hash) continue
      return this.open(slot, content, length)
    }
    return new BigInt64Array(length)
  }

  private claim(length: number): bigint {
    const size = Math.ceil(length / LINE_CELLS) * LINE_CELLS
    const at = Atomics.add(this.cells, NEXT, BigInt(size))
    return Number(at) + length <= this.cells.length ? at : -1n
  }

  private open(slot: number, content: string, length: number): BigInt64Array {
    const { cells } = this
    let at = 0n
    for (let spin = 0; at === 0n && spin < MAX_SPINS; spin++) at = Atomics.load(cells, slot + PLACE)
    if (at <= 0n) return new BigInt64Array(length)
    const piece = new BigInt64Array(cells.buffer, Number(at) * 8, length)
    const wanted = hash64(content)
    if (Atomics.exchange(cells, slot + CONTENT, wanted) !== wanted) {
      for (let i = 0; i < length; i++) Atomics.store(piece, i, 0n)
    }
    return piece
  }
}

/** Two FNV-1a hashes with different seeds side by side; never 0, which marks a free slot. */
export function hash64(text: string): bigint {
  let low = 0x811c9dc5
  let high = 0x01000193
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code ^ (i & 0xff), 0x01000193 + 2)
  }
  const hash = BigInt.asIntN(64, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))
  return hash === 0n ? 1n : hash
}
