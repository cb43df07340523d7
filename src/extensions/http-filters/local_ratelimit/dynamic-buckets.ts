// Buckets of values that come with requests: a table of fixed size in shared memory, the least recently used goes.
import { hash } from 'node:crypto'
import { TokenBucket, type TokenBucketSettings } from '../../../base/index.ts'

const LOCK = 0
const USES = 1
const FIRST = 8
const KEY = 0
const BUCKET = 1
const LAST_USE = 2
const ENTRY_CELLS = 3
/** Up to here the table is one set; above, a value may stand only in its own set, so that a search stays short. */
const LARGEST_SET = 64
const SET = 16
/** The lock is held for some hundred nanoseconds; a worker that died with it must not stop the others for ever. */
const MAX_SPINS = 100_000

export function dynamicCells(capacity: number): number {
  return FIRST + entryCount(capacity) * ENTRY_CELLS
}

function entryCount(capacity: number): number {
  return capacity <= LARGEST_SET ? capacity : Math.ceil(capacity / SET) * SET
}

interface Known {
  readonly key: bigint
  readonly at: number
  readonly bucket: TokenBucket
}

export class DynamicBuckets {
  private readonly cells: BigInt64Array
  private readonly settings: TokenBucketSettings
  private readonly entries: number
  private readonly setSize: number
  /** Values this thread has met and where they stood: saves the hash. Oldest first. */
  private readonly known = new Map<string, Known>()

  constructor(settings: TokenBucketSettings, capacity: number, cells: BigInt64Array) {
    this.settings = settings
    this.cells = cells
    this.entries = entryCount(capacity)
    this.setSize = capacity <= LARGEST_SET ? capacity : SET
  }

  /** The bucket of `values`, full where they are new. */
  bucket(values: string): TokenBucket {
    const { cells } = this
    let found = this.known.get(values)
    if (found === undefined || Atomics.load(cells, found.at + KEY) !== found.key) {
      found = this.locate(values)
      this.remember(values, found)
    }
    Atomics.store(cells, found.at + LAST_USE, Atomics.add(cells, USES, 1n) + 1n)
    return found.bucket
  }

  private remember(values: string, found: Known): void {
    this.known.delete(values)
    if (this.known.size >= this.entries) this.known.delete(this.known.keys().next().value as string)
    this.known.set(values, found)
  }

  private locate(values: string): Known {
    const digest = hash('sha256', values, 'buffer')
    const key = digest.readBigInt64LE(0) | 1n
    const sets = this.entries / this.setSize
    const start = FIRST + (digest.readUInt32LE(8) % sets) * this.setSize * ENTRY_CELLS
    let at = this.search(start, key)
    if (at < 0) {
      this.lock()
      at = this.search(start, key)
      if (at < 0) at = this.replaceOldest(start, key)
      Atomics.store(this.cells, LOCK, 0n)
    }
    return { key, at, bucket: new TokenBucket(this.settings, this.cells, at + BUCKET) }
  }

  private search(start: number, key: bigint): number {
    for (let i = 0; i < this.setSize; i++) {
      const at = start + i * ENTRY_CELLS
      if (Atomics.load(this.cells, at + KEY) === key) return at
    }
    return -1
  }

  private replaceOldest(start: number, key: bigint): number {
    let oldest = start
    let oldestUse = Atomics.load(this.cells, start + LAST_USE)
    for (let i = 1; i < this.setSize; i++) {
      const at = start + i * ENTRY_CELLS
      const use = Atomics.load(this.cells, at + LAST_USE)
      if (use < oldestUse) [oldest, oldestUse] = [at, use]
    }
    // Nobody finds the entry before its bucket is full.
    Atomics.store(this.cells, oldest + KEY, 0n)
    Atomics.store(this.cells, oldest + BUCKET, 0n)
    Atomics.store(this.cells, oldest + KEY, key)
    return oldest
  }

  private lock(): void {
    for (let spin = 0; spin < MAX_SPINS; spin++) {
      if (Atomics.compareExchange(this.cells, LOCK, 0n, 1n) === 0n) return
    }
  }
}
