// Stats of what has been removed: control planes bring clusters under new names all the time, whose counts cannot be kept
// for ever. As in Envoy they go; here a while later, so that what comes back soon goes on where it was.
import type { StatPrefixes } from '../observability/index.ts'

const REST_MS = 60_000

export interface StatRemovalOptions {
  /** Prefixes of the stats of what is there. */
  inUse(): Iterable<string>
  forget(prefixes: StatPrefixes): void
  readonly restMs?: number
}

export class StatRemoval {
  private readonly options: StatRemovalOptions
  private left = new Set<string>()
  private timer: NodeJS.Timeout | null = null

  constructor(options: StatRemovalOptions) {
    this.options = options
  }

  /** Something with stats below this prefix has gone; there may be others of the same name. */
  note(prefix: string): void {
    this.left.add(prefix)
    this.timer ??= setTimeout(() => this.sweep(), this.options.restMs ?? REST_MS).unref()
  }

  private sweep(): void {
    this.timer = null
    const gone = this.left
    this.left = new Set()
    const inUse = new Set(this.options.inUse())
    for (const prefix of gone) if (inUse.has(prefix)) gone.delete(prefix)
    if (gone.size > 0) this.options.forget({ gone, kept: new Set([...inUse].filter(prefix => isBelow(prefix, gone))) })
  }
}

function isBelow(prefix: string, others: ReadonlySet<string>): boolean {
  for (let dot = prefix.indexOf('.'); dot >= 0; dot = prefix.indexOf('.', dot + 1)) {
    if (others.has(prefix.slice(0, dot + 1))) return true
  }
  return false
}
