// Fuzzing for tests: rounds of random input for a bounded time. CI runs each for a moment, `npm run test:long` for long.

/** Each round has a seed of its own, so a failing one is repeated alone: FUZZ_SEED=<seed> FUZZ_MS=1. */
const SEED = process.env['FUZZ_SEED']
const LONG_MS = process.env['FUZZ_MS']
const LEAST_ROUNDS = 20

/** A small generator: the same numbers for the same seed, everywhere. */
export class FuzzRandom {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 3; i++) this.below(1)
  }

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.state / 2 ** 32) * limit)
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  /** A copy with some bytes replaced. */
  mutate(bytes: Buffer, changes: number): Buffer {
    const copy = Buffer.from(bytes)
    for (let i = 0; i < changes && copy.length > 0; i++) copy[this.below(copy.length)] = this.below(256)
    return copy
  }

  /** A copy with some runs replaced by one of `pieces` or by a run from elsewhere in the text. */
  mutateText(text: string, pieces: readonly string[], changes: number): string {
    let out = text
    for (let i = 0; i < changes; i++) {
      const at = this.below(out.length + 1)
      const length = this.once(3) ? this.below(40) : this.below(4)
      const [from, to] = [this.below(out.length), this.below(out.length)]
      const insert = this.once(2) ? this.pick(pieces) : out.slice(from, to)
      out = out.slice(0, at) + insert.slice(0, 200) + out.slice(at + length)
    }
    return out
  }

  /** The same bytes in pieces. */
  split(bytes: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + this.below(this.once(4) ? 3 : 200)
      pieces.push(bytes.subarray(at, at + size))
      at += size
    }
    return pieces
  }
}

interface Rounds {
  readonly seed: number
  readonly deadlineMs: number
}

function begin(budgetMs: number): Rounds {
  const seed = SEED === undefined ? Date.now() % 2 ** 31 : Number(SEED)
  return { seed, deadlineMs: performance.now() + (LONG_MS === undefined ? budgetMs : Number(LONG_MS)) }
}

const goesOn = (round: number, { deadlineMs }: Rounds): boolean =>
  performance.now() < deadlineMs || (SEED === undefined && round < LEAST_ROUNDS)

const failure = (seed: number, error: unknown): Error =>
  new Error(`with FUZZ_SEED=${seed}: ${(error as Error).message}`, { cause: error })

function report({ seed }: Rounds, rounds: number): void {
  if (LONG_MS !== undefined) console.log(`fuzz: ${rounds} rounds from seed ${seed}`)
}

/** Runs `check` until the time is over; it throws where something is wrong. */
export function fuzz(check: (random: FuzzRandom) => void, budgetMs = 1000): void {
  const rounds = begin(budgetMs)
  let round = 0
  for (; goesOn(round, rounds); round++) {
    try {
      check(new FuzzRandom(rounds.seed + round))
    } catch (error) {
      throw failure(rounds.seed + round, error)
    }
  }
  report(rounds, round)
}

/** The same for checks that wait for sockets. */
export async function fuzzAsync(check: (random: FuzzRandom) => Promise<void>, budgetMs = 1000): Promise<void> {
  const rounds = begin(budgetMs)
  let round = 0
  for (; goesOn(round, rounds); round++) {
    await check(new FuzzRandom(rounds.seed + round)).catch((error: unknown) => {
      throw failure(rounds.seed + round, error)
    })
  }
  report(rounds, round)
}
