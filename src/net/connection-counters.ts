const HASH = 0
const HEADER = 1
const SLOTS = 1024

/** One count per worker thread in shared memory: each writes its own, so a worker that dies takes only its share along. */
export class ConnectionCounter {
  private readonly cells: Int32Array
  private readonly first: number
  private readonly workers: number
  private readonly own: number

  constructor(cells: Int32Array, first: number, workers: number, worker: number) {
    this.cells = cells
    this.first = first
    this.workers = workers
    this.own = first + worker
  }

  /** Takes one of at most `limit` places over all workers; false: none was free and none is taken. */
  tryAdd(limit: number): boolean {
    Atomics.add(this.cells, this.own, 1)
    // Counted first and checked after: two workers racing for the last place may both lose, but never both win.
    if (limit === Number.POSITIVE_INFINITY || this.total() <= limit) return true
    Atomics.sub(this.cells, this.own, 1)
    return false
  }

  remove(): void {
    Atomics.sub(this.cells, this.own, 1)
  }

  total(): number {
    let total = 0
    for (let i = 0; i < this.workers; i++) total += Atomics.load(this.cells, this.first + i)
    return total
  }
}

/**
 * Connection counts that hold across worker threads, found by name without asking the main thread: a slot belongs to
 * whoever first writes the hash of its name there.
 */
export class ConnectionCounters {
  private readonly cells: Int32Array
  private readonly workers: number
  private readonly worker: number

  /** Shared memory for `workers` threads; zeroed. */
  static allocate(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(SLOTS * (HEADER + workers) * Int32Array.BYTES_PER_ELEMENT)
  }

  /** `worker`: 0-based index of the calling thread. */
  constructor(memory: SharedArrayBuffer, workers: number, worker: number) {
    this.cells = new Int32Array(memory)
    this.workers = workers
    this.worker = worker
  }

  /** The counter of `name`. Beyond 1024 names a counter is the calling thread's own. */
  counter(name: string): ConnectionCounter {
    const hash = nonZeroHash(name)
    const stride = HEADER + this.workers
    for (let probe = 0; probe < SLOTS; probe++) {
      const at = (((hash >>> 0) + probe) % SLOTS) * stride
      const found = Atomics.compareExchange(this.cells, at + HASH, 0, hash)
      if (found === 0 || found === hash)
        return new ConnectionCounter(this.cells, at + HEADER, this.workers, this.worker)
    }
    return new ConnectionCounter(new Int32Array(1), 0, 1, 0)
  }

  /** Forgets what a dead worker had open. */
  clearWorker(worker: number): void {
    const stride = HEADER + this.workers
    for (let slot = 0; slot < SLOTS; slot++) Atomics.store(this.cells, slot * stride + HEADER + worker, 0)
  }
}

function nonZeroHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash === 0 ? 1 : hash
}
