import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { log, type StatDefinition } from '../observability/index.ts'
import type { HostReports } from '../upstream/index.ts'
import type { TapMessage } from './admin-tap.ts'
import type { BoundListener, FromWorker, ResourceUpdate, ToWorker, UpdateFailure, WorkerSettings } from './messages.ts'
import { startWorker } from './start-workers.ts'

const logger = log('main')
/** Workers that die one after the other as soon as they are born must not keep the machine busy; others are replaced at once. */
const RESTART_DELAY_MS = 500
const HEALTHY_AFTER_MS = 5000

export interface WorkerPoolCallbacks {
  /** What a worker is told first. */
  settings(workerIndex: number): WorkerSettings
  /** All resources in force, for a replacement. */
  catchUp(): readonly ResourceUpdate[]
  onStats(workerIndex: number, definitions: readonly StatDefinition[]): void
  onHostCells(message: FromWorker & { type: 'host_cells' }): void
  onTap(workerIndex: number, message: TapMessage): void
  /** What workers see of upstream hosts. */
  readonly hosts: HostReports
  /** The worker is gone without being asked to; a successor is on its way. */
  onDied(workerIndex: number): void
}

interface Slot {
  readonly index: number
  worker: Worker
  /** By which the worker tells of its stats; null: it is not configured yet. */
  stats: MessagePort | null
  bornMs: number
  /** How many in a row have died as soon as they were born. */
  youngDeaths: number
  idle: boolean
  exited: boolean
}

interface Pending {
  readonly failures: UpdateFailure[]
  readonly waitingFor: Set<number>
  readonly resolve: (failures: readonly UpdateFailure[]) => void
}

/** The worker threads: starts them, talks to them, replaces those that die. */
export class WorkerPool {
  private readonly callbacks: WorkerPoolCallbacks
  private readonly slots: Slot[] = []
  private readonly pending = new Map<number, Pending>()
  private readonly listenersByWorker = new Map<number, readonly BoundListener[]>()
  private lastId = 0
  private replacement: PromiseWithResolvers<void> | null = null
  private stopping = false
  private waitingForIdle: (() => void) | null = null
  private waitingForExit: (() => void) | null = null

  /** Takes over workers that have been started and know nothing yet. */
  constructor(workers: readonly Worker[], callbacks: WorkerPoolCallbacks) {
    this.callbacks = callbacks
    workers.forEach((worker, index) => {
      this.slots.push({
        index,
        worker,
        stats: null,
        bornMs: performance.now(),
        youngDeaths: 0,
        idle: false,
        exited: false,
      })
      this.listen(worker, index)
    })
  }

  get size(): number {
    return this.slots.length
  }

  private listen(worker: Worker, index: number): void {
    worker.on('message', (message: FromWorker) => this.onMessage(index, message))
    worker.on('error', (error: Error) => logger.error(`worker ${index} failed: ${error.stack ?? error.message}`))
    worker.on('exit', code => this.onExit(index, code))
  }

  private onMessage(index: number, message: FromWorker): void {
    switch (message.type) {
      case 'host_cells':
        this.callbacks.onHostCells(message)
        break
      case 'outlier_cells':
        this.callbacks.hosts.onOutlierCells(message.report)
        break
      case 'host_event':
        this.callbacks.hosts.onHostEvent(message.event)
        break
      case 'dns_cache_request':
        this.callbacks.hosts.onDnsCacheRequest(message.request)
        break
      case 'tap_attached':
      case 'tap_trace':
        this.callbacks.onTap(index, message)
        break
      case 'applied':
        this.listenersByWorker.set(index, message.listeners)
        this.onApplied(index, message.id, message.failures)
        break
      case 'idle':
        this.slots[index]!.idle = true
        this.noteIdle()
    }
  }

  private onApplied(index: number, id: number, failures: readonly UpdateFailure[]): void {
    const pending = this.pending.get(id)
    if (pending === undefined) return
    pending.failures.push(...failures)
    pending.waitingFor.delete(index)
    if (pending.waitingFor.size > 0) return
    this.pending.delete(id)
    pending.resolve(pending.failures)
  }

  private onExit(index: number, code: number): void {
    const slot = this.slots[index]!
    slot.exited = true
    slot.idle = true
    // Whoever waits for this worker's answer must not wait for ever; its successor gets the state as a whole.
    for (const id of [...this.pending.keys()]) this.onApplied(index, id, [])
    this.noteIdle()
    if (this.stopping) {
      if (this.slots.every(({ exited }) => exited)) this.waitingForExit?.()
      return
    }
    logger.error(`worker ${index} ended unexpectedly, it is replaced`, { code })
    this.callbacks.onDied(index)
    slot.youngDeaths = performance.now() - slot.bornMs < HEALTHY_AFTER_MS ? slot.youngDeaths + 1 : 0
    setTimeout(() => this.replace(slot), slot.youngDeaths > 1 ? RESTART_DELAY_MS : 0)
  }

  private replace(slot: Slot): void {
    if (this.stopping) return
    slot.worker = startWorker(slot.index)
    this.listen(slot.worker, slot.index)
    slot.bornMs = performance.now()
    slot.exited = false
    slot.idle = false
    const id = ++this.lastId
    const resolve = () => {
      this.replacement?.resolve()
      this.replacement = null
    }
    this.pending.set(id, { failures: [], waitingFor: new Set([slot.index]), resolve })
    this.configureOne(slot)
    this.postTo(slot.index, { type: 'apply', id, updates: this.callbacks.catchUp() })
  }

  /** Tells all workers what must precede the first resource. */
  configure(): void {
    for (const slot of this.slots) this.configureOne(slot)
  }

  private configureOne(slot: Slot): void {
    const { port1, port2 } = new MessageChannel()
    slot.stats?.close()
    slot.stats = port1
    port1.on('message', (definitions: readonly StatDefinition[]) => this.callbacks.onStats(slot.index, definitions))
    port1.unref()
    const settings = this.callbacks.settings(slot.index)
    slot.worker.postMessage({ type: 'configure', settings, statsPort: port2 } satisfies ToWorker, [port2])
  }

  /** Takes in what workers have defined up to now: their counts can be seen already, their names only then. */
  takeDefinitions(): void {
    for (const { index, stats } of this.slots) {
      for (let next = stats && receiveMessageOnPort(stats); next; next = receiveMessageOnPort(stats as MessagePort)) {
        this.callbacks.onStats(index, next.message as readonly StatDefinition[])
      }
    }
  }

  /** Posts updates to all workers; resolves once each has applied them, with what failed where. */
  apply(updates: readonly ResourceUpdate[]): Promise<readonly UpdateFailure[]> {
    const id = ++this.lastId
    const { promise, resolve } = Promise.withResolvers<readonly UpdateFailure[]>()
    const alive = this.slots.filter(({ exited }) => !exited)
    this.pending.set(id, { failures: [], waitingFor: new Set(alive.map(({ index }) => index)), resolve })
    this.post({ type: 'apply', id, updates })
    return promise
  }

  /** Posts to one worker. */
  postTo(index: number, message: ToWorker): void {
    this.slots[index]!.worker.postMessage(message)
  }

  /** Resolves when the next worker that died has a successor which serves. */
  nextReplacement(): Promise<void> {
    this.replacement ??= Promise.withResolvers<void>()
    return this.replacement.promise
  }

  post(message: ToWorker): void {
    for (const { worker, exited } of this.slots) if (!exited) worker.postMessage(message)
  }

  /** The bound addresses by listener name; the worker that serves most of them knows best. */
  listeners(): readonly BoundListener[] {
    const addresses = new Map<string, readonly string[]>()
    for (const bound of this.listenersByWorker.values()) {
      for (const listener of bound) {
        if (listener.addresses.length >= (addresses.get(listener.name)?.length ?? 0)) {
          addresses.set(listener.name, listener.addresses)
        }
      }
    }
    return [...addresses].map(([name, list]) => ({ name, addresses: list }))
  }

  /** Resolves when no worker listens or has a connection any more; after `stop_accepting` was posted. */
  whenIdle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.waitingForIdle = resolve
    this.noteIdle()
    return promise
  }

  private noteIdle(): void {
    if (this.waitingForIdle !== null && this.slots.every(({ idle }) => idle)) this.waitingForIdle()
  }

  /** Ends all workers; what they have buffered for log files is written first. */
  async stop(timeoutMs: number): Promise<void> {
    this.stopping = true
    const { promise, resolve } = Promise.withResolvers<void>()
    this.waitingForExit = resolve
    if (this.slots.every(({ exited }) => exited)) resolve()
    this.post({ type: 'exit' })
    const timer = setTimeout(resolve, timeoutMs)
    await promise
    clearTimeout(timer)
    await Promise.all(this.slots.map(({ worker }) => worker.terminate()))
    for (const { stats } of this.slots) stats?.close()
  }
}
