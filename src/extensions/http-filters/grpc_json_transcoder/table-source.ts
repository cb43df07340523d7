// Where a transcoder's methods come from: descriptors of the configuration, or the upstream that is asked for them.
import type { ThreadContext } from '../../../net/index.ts'
import { log } from '../../../observability/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { buildMethodTable, type MethodTable } from './method-table.ts'
import { type Reflected, Reflector } from './reflector.ts'
import type { TranscoderSettings } from './settings.ts'

export interface TableSource {
  /** null: not known yet. */
  readonly current: MethodTable | null
  /** Somebody needs the table: it is fetched where it is missing or old. */
  demand(thread: ThreadContext): void
  /** An answer is on its way. */
  readonly pending: boolean
  /** Calls back, once, when that answer is there, good or bad. */
  wait(callback: () => void): void
  cancel(callback: () => void): void
}

export class FixedTable implements TableSource {
  readonly current: MethodTable | null
  readonly pending = false

  constructor(table: MethodTable | null) {
    this.current = table
  }

  demand(): void {}
  wait(): void {}
  cancel(): void {}
}

export interface ReflectionSettings {
  readonly cluster: string
  readonly refreshMs: number
}

const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 30_000

/**
 * Nothing runs by itself: requests find out that an answer is missing or old. The last good table stands whatever later
 * answers say.
 */
export class ReflectedTable implements TableSource {
  current: MethodTable | null = null
  pending = false
  private readonly reflection: ReflectionSettings
  private readonly settings: TranscoderSettings
  private readonly waiting = new Set<() => void>()
  private nextMs = 0
  private failures = 0
  private lastProblem = ''

  constructor(reflection: ReflectionSettings, settings: TranscoderSettings) {
    this.reflection = reflection
    this.settings = settings
  }

  demand(thread: ThreadContext): void {
    if (this.pending || thread.clock.now < this.nextMs) return
    this.pending = true
    const { cluster } = this.reflection
    new Reflector(thread as UpstreamThread, cluster, this.settings.services, result =>
      this.take(thread, result),
    ).start()
  }

  wait(callback: () => void): void {
    this.waiting.add(callback)
  }

  cancel(callback: () => void): void {
    this.waiting.delete(callback)
  }

  private take(thread: ThreadContext, { registry, problem }: Reflected): void {
    const problems = problem === '' ? [] : [problem]
    const table = registry === null ? null : buildMethodTable(registry, this.settings, one => problems.push(one))
    if (table !== null && problems.length === 0) {
      this.current = table
      this.failures = 0
      this.nextMs = thread.clock.now + this.reflection.refreshMs
    } else {
      this.nextMs = thread.clock.now + Math.min(FIRST_RETRY_MS * 2 ** this.failures, MAX_RETRY_MS)
      this.failures = Math.min(this.failures + 1, 10)
    }
    this.tell(problems)
    this.pending = false
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const callback of waiting) callback()
  }

  /** Once per problem, not once per attempt. */
  private tell(problems: readonly string[]): void {
    const text = problems.join('; ')
    if (text === this.lastProblem) return
    this.lastProblem = text
    const { cluster } = this.reflection
    if (text !== '') log('filter').warn(`no descriptors from cluster ${cluster}: ${text}`)
    else log('filter').info(`descriptors from cluster ${cluster} are known`)
  }
}
