// POST /tap on the main thread: checks what is asked, attaches it on every worker and hands on what they record.
import type { TapRequestJson } from '#api/envoy/admin/v3/tap_pb.ts'
import type { TapConfigJson } from '#api/envoy/config/tap/v3/common_pb.ts'
import type { TapAnswer } from '../admin/index.ts'
import {
  type CompileContext,
  ConfigPath,
  Diagnostics,
  declareSupport,
  durationMs,
  loadResource,
  parseResourceText,
} from '../config/index.ts'
import { compileTapConfig } from '../extensions/http-filters/tap/index.ts'
import type { TapRequest } from '../net/index.ts'
import type { FromWorker, ToWorker } from './messages.ts'

const MESSAGE = 'envoy.admin.v3.TapRequest'
declareSupport(MESSAGE, { supported: ['config_id', 'tap_config'] })

/** Longer than this no worker is busy. */
const ATTACH_TIMEOUT_MS = 5000

export interface TapWorkers {
  readonly size: number
  post(message: ToWorker): void
  postTo(index: number, message: ToWorker): void
}

export type TapMessage = FromWorker & { type: 'tap_attached' | 'tap_trace' }

export class AdminTap {
  private readonly workers: TapWorkers
  private readonly context: () => CompileContext
  private session: TapSession | null = null
  private lastId = 0

  constructor(workers: TapWorkers, context: () => CompileContext) {
    this.workers = workers
    this.context = context
  }

  /** For workers that start while a tap is attached. */
  get request(): TapRequest | null {
    return this.session?.request ?? null
  }

  onMessage(worker: number, message: TapMessage): void {
    const { session } = this
    if (session === null || session.request.id !== message.id) return
    if (message.type === 'tap_trace') session.onTrace(worker, message.text)
    else session.onAttached(worker, message.found)
  }

  onWorkerDied(worker: number): void {
    this.session?.onAttached(worker, false)
  }

  /** `gone`: whoever asks has left. */
  async attach(text: string, gone: AbortSignal): Promise<TapAnswer> {
    if (text.trim() === '') return { problem: '/tap requires a JSON/YAML body' }
    const asked = this.read(text)
    if ('problem' in asked) return asked
    if (this.session !== null) return { problem: 'An attached /tap admin stream already exists. Detach it.' }
    const { configId = '', tapConfig = {} } = asked
    const request = { id: ++this.lastId, configId, config: tapConfig }
    const session = new TapSession(request, this.workers)
    this.session = session
    const end = (): void => {
      if (this.session === session) this.session = null
      this.workers.post({ type: 'tap_detach' })
    }
    const found = await session.attach()
    if (!found || gone.aborted) {
      end()
      return { problem: `Unknown config id '${configId}'. No extension has registered with this id.` }
    }
    return { traces: session.traces(gone, end) }
  }

  private read(text: string): TapRequestJson | { readonly problem: string } {
    const { value, problem } = parseResourceText('body', text)
    if (problem !== null) return { problem }
    const { resource, diagnostics } = loadResource(MESSAGE, { json: value })
    if (resource === undefined) return problemOf(diagnostics)
    const json = resource as TapRequestJson
    const own = new Diagnostics()
    compileTapConfig(
      json.tapConfig ?? {},
      'admin',
      { ...this.context(), diagnostics: own },
      ConfigPath.root.field('tap_config'),
    )
    return own.failed ? problemOf(own) : json
  }
}

function problemOf({ list }: Diagnostics): { readonly problem: string } {
  return {
    problem: list
      .map(({ path, message, expected }) => {
        const rest = expected === undefined ? '' : ` (expected ${expected})`
        return `${path === '' ? '' : `${path}: `}${message}${rest}`
      })
      .join('\n'),
  }
}

interface Recorded {
  readonly worker: number
  readonly text: string
}

/** One tap from its request to its end. */
class TapSession {
  readonly request: TapRequest
  private readonly workers: TapWorkers
  private readonly unanswered = new Set<number>()
  private found = false
  private onAllAttached: () => void = () => {}
  private readonly recorded: Recorded[] = []
  private wake: () => void = () => {}

  constructor(request: TapRequest, workers: TapWorkers) {
    this.request = request
    this.workers = workers
  }

  /** Whether any worker has something of that id. */
  async attach(): Promise<boolean> {
    for (let i = 0; i < this.workers.size; i++) this.unanswered.add(i)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.onAllAttached = resolve
    const timer = setTimeout(resolve, ATTACH_TIMEOUT_MS)
    this.workers.post({ type: 'tap_attach', request: this.request })
    await promise
    clearTimeout(timer)
    return this.found
  }

  onAttached(worker: number, found: boolean): void {
    this.found ||= found
    this.unanswered.delete(worker)
    if (this.unanswered.size === 0) this.onAllAttached()
  }

  onTrace(worker: number, text: string): void {
    this.recorded.push({ worker, text })
    this.wake()
  }

  async *traces(gone: AbortSignal, end: () => void): AsyncIterable<string> {
    gone.addEventListener('abort', () => this.wake(), { once: true })
    try {
      const { bufferedAdmin } = (this.request.config as TapConfigJson).outputConfig?.sinks?.[0] ?? {}
      if (bufferedAdmin === undefined) {
        while (!gone.aborted) {
          yield* this.take(Number.POSITIVE_INFINITY)
          await this.next(gone, null)
        }
        return
      }
      const most = Number(bufferedAdmin.maxTraces ?? 0)
      const waitMs = bufferedAdmin.timeout === undefined ? null : durationMs(bufferedAdmin.timeout, 0)
      const deadlineMs = waitMs === null || waitMs === 0 ? null : performance.now() + waitMs
      while (this.recorded.length < most && !gone.aborted && !isOver(deadlineMs)) await this.next(gone, deadlineMs)
      yield* this.take(most)
    } finally {
      end()
    }
  }

  private *take(most: number): Iterable<string> {
    for (let taken = 0; taken < most; taken++) {
      const one = this.recorded.shift()
      if (one === undefined) return
      yield one.text
      this.workers.postTo(one.worker, { type: 'tap_taken', id: this.request.id, length: one.text.length })
    }
  }

  /** Until something more is recorded, the deadline, or the reader has gone. */
  private async next(gone: AbortSignal, deadlineMs: number | null): Promise<void> {
    if (gone.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.wake = resolve
    const timer = deadlineMs === null ? undefined : setTimeout(resolve, Math.max(0, deadlineMs - performance.now()))
    await promise
    clearTimeout(timer)
    this.wake = () => {}
  }
}

const isOver = (deadlineMs: number | null): boolean => deadlineMs !== null && performance.now() >= deadlineMs
