// HOT FILE (docs/hot-path.md): commands by name, found without making a string of it.
import type { ThreadContext } from '../../../net/index.ts'
import { type Histogram, type StatBlock, StatStore } from '../../../observability/index.ts'
import { COMMANDS, type CommandKind, NO_ARGUMENTS, WRITES } from './commands.ts'
import { COMMAND_ERROR, COMMAND_LATENCY, COMMAND_STATS, COMMAND_SUCCESS } from './stats.ts'

/** One command as one proxy takes it on one thread. */
export class Command {
  readonly name: string
  readonly kind: CommandKind
  readonly reads: boolean
  readonly needsArguments: boolean
  /** What stats of upstream commands call it. */
  readonly upstreamName: string
  readonly stats: StatBlock
  private readonly thread: ThreadContext
  private readonly latency: Histogram
  private readonly unitsPerMs: number

  constructor(thread: ThreadContext, name: string, kind: CommandKind, own: boolean, stats: StatBlock, perMs: number) {
    this.thread = thread
    this.name = name
    this.kind = kind
    this.reads = !WRITES.has(name)
    this.needsArguments = !NO_ARGUMENTS.has(name)
    this.upstreamName = own && kind !== 'object' && kind !== 'scan' && kind !== 'transaction' ? name : 'unknown'
    this.stats = stats
    this.latency = stats.histogram(COMMAND_LATENCY)
    this.unitsPerMs = perMs
  }

  countEnd(success: boolean): void {
    this.stats.cells[success ? COMMAND_SUCCESS : COMMAND_ERROR]! += 1
  }

  recordLatency(startMs: number): void {
    this.latency.record(Math.floor((this.thread.clock.now - startMs) * this.unitsPerMs))
  }
}

/** Of commands that are not counted. */
const UNSEEN = new StatStore().block('', COMMAND_STATS)

const SLOTS = 1024

export class CommandTable {
  private readonly slots: (readonly Command[] | null)[] = new Array(SLOTS).fill(null)
  private readonly byName = new Map<string, Command>()

  constructor(thread: ThreadContext, prefix: string, latencyInMicros: boolean, custom: readonly string[]) {
    const perMs = latencyInMicros ? 1000 : 1
    const add = (name: string, kind: CommandKind, own: boolean): void => {
      // Those answered here have none, but for HELLO (Envoy).
      const counted = kind !== 'local' || name === 'hello'
      const stats = counted ? thread.stats.block(`${prefix}command.${name}.`, COMMAND_STATS) : UNSEEN
      this.add(new Command(thread, name, kind, own, stats, perMs))
    }
    for (const [name, kind] of COMMANDS) add(name, kind, true)
    for (const name of custom) if (!COMMANDS.has(name)) add(name, 'simple', false)
  }

  private add(command: Command): void {
    const { name } = command
    if (this.byName.has(name)) return
    this.byName.set(name, command)
    const bytes = Buffer.from(name, 'latin1')
    const slot = hashOf(bytes, 0, bytes.length) & (SLOTS - 1)
    this.slots[slot] = [...(this.slots[slot] ?? []), command]
  }

  get(name: string): Command {
    return this.byName.get(name)!
  }

  /** By name in any case; null: there is none. */
  find(bytes: Buffer, start: number, end: number): Command | null {
    const candidates = this.slots[hashOf(bytes, start, end) & (SLOTS - 1)]
    if (candidates == null) return null
    for (let i = 0; i < candidates.length; i++) {
      if (isName(candidates[i]!.name, bytes, start, end)) return candidates[i]!
    }
    return null
  }
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte | 32 : byte
}

function hashOf(bytes: Buffer, start: number, end: number): number {
  // Longer names begin like none of them or differ at once.
  const last = Math.min(end, start + 24)
  let hash = end - start
  for (let at = start; at < last; at++) hash = Math.imul(hash, 31) + lower(bytes[at]!)
  return hash ^ (hash >>> 10)
}

function isName(name: string, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== lower(bytes[start + i]!)) return false
  return true
}
