import { Timer } from '../base/index.ts'
import { type Address, CloseNoFlush, refreshDescriptorLimit, type ThreadContext } from '../net/index.ts'
import { log } from '../observability/index.ts'
import { BoundAddress, type InheritedDescriptor } from './bound-address.ts'
import { Listener, type ListenerContext } from './listener.ts'
import type { ListenAddress, ListenerPlan } from './listener-plan.ts'
import { UdpListeners } from './udp-listeners.ts'

const logger = log('config')

export interface ListenerManagerOptions {
  readonly thread: ThreadContext
  /** How long the connections of a removed or replaced listener may go on (Envoy: --drain-time-s). */
  readonly drainTimeMs: number
  /** Most downstream connections of the process; Infinity: no limit. */
  readonly maxGlobalConnections?: number
  /** Where listening sockets come from besides binding: inherited descriptors. */
  readonly inherited?: InheritedDescriptor
}

/** What the admin interface shows of one listener of one thread. */
export interface ListenerStatus {
  readonly name: string
  readonly addresses: readonly Address[]
  readonly activeConnections: number
  readonly draining: boolean
}

interface ActiveListener {
  readonly listener: Listener
  readonly bound: readonly BoundAddress[]
}

const ALL_COUNTER = '(all listeners)'
const ACCEPT_LOG_INTERVAL_MS = 1000

/** The listeners of one thread: adds, replaces and removes them while traffic runs. */
export class ListenerManager {
  private readonly thread: ThreadContext
  private readonly context: ListenerContext
  private readonly drainTimeMs: number
  private readonly inherited: InheritedDescriptor
  private readonly active = new Map<string, ActiveListener>()
  private readonly udp: UdpListeners
  private readonly drainingListeners = new Set<Listener>()
  /** Updates of one listener must not overtake each other: binding takes a turn of the event loop. */
  private updates: Promise<void> = Promise.resolve()
  private acceptErrorLoggedMs = Number.NEGATIVE_INFINITY
  private idleCallback: (() => void) | null = null

  constructor(options: ListenerManagerOptions) {
    const { thread } = options
    this.thread = thread
    this.udp = new UdpListeners(thread)
    this.drainTimeMs = options.drainTimeMs
    this.inherited = options.inherited ?? (() => undefined)
    this.context = {
      thread,
      globalConnections: thread.connectionCounters.counter(ALL_COUNTER),
      maxGlobalConnections: options.maxGlobalConnections ?? Number.POSITIVE_INFINITY,
    }
  }

  /**
   * Adds the listener, or replaces the one of that name: an unchanged address keeps its socket, connections that are
   * open keep the plan they came under. Rejects, and changes nothing, when an address cannot be listened on.
   */
  apply(plan: ListenerPlan): Promise<void> {
    return this.enqueue(() => this.applyNow(plan))
  }

  /** Stops accepting at once; open connections have the drain time to finish. */
  remove(name: string): Promise<void> {
    return this.enqueue(async () => {
      this.udp.remove(name)
      this.removeNow(name)
    })
  }

  private removeNow(name: string): void {
    const entry = this.active.get(name)
    if (entry === undefined) return
    this.active.delete(name)
    for (const bound of entry.bound) bound.close()
    this.drain(entry.listener)
  }

  private enqueue(update: () => Promise<void>): Promise<void> {
    const done = this.updates.then(update)
    this.updates = done.catch(() => undefined)
    return done
  }

  private async applyNow(plan: ListenerPlan): Promise<void> {
    if (plan.udp !== null) {
      this.udp.apply(plan)
      this.removeNow(plan.name)
      return
    }
    const previous = this.active.get(plan.name)
    if (previous !== undefined && previous.listener.plan.reusePort !== plan.reusePort) {
      throw new Error('enable_reuse_port cannot be changed by an update: the address stays bound as it is')
    }
    const listener = new Listener(plan, this.context, this.thread.connectionCounters.counter(`listener ${plan.name}`))
    const kept = new Map<BoundAddress, ListenAddress>()
    const fresh: BoundAddress[] = []
    try {
      for (const address of this.addressesHere(plan)) {
        const existing = previous?.bound.find(bound => !kept.has(bound) && bound.serves(address))
        if (existing !== undefined) kept.set(existing, address)
        else fresh.push(await this.bind(address, listener))
      }
    } catch (error) {
      for (const bound of fresh) bound.close()
      throw error
    }
    for (const [bound, address] of kept) bound.handOver(listener, address)
    for (const bound of previous?.bound ?? []) if (!kept.has(bound)) bound.close()
    this.active.set(plan.name, { listener, bound: [...kept.keys(), ...fresh] })
    if (previous !== undefined) this.drain(previous.listener)
    this.udp.remove(plan.name)
  }

  /** Without SO_REUSEPORT an address can be bound once: the first worker accepts for all. */
  private addressesHere(plan: ListenerPlan): readonly ListenAddress[] {
    if (!plan.bindToPort) return []
    return plan.addresses.filter(({ address }) => {
      const inherited = this.inherited(address)
      if (inherited !== undefined) return inherited !== 'elsewhere'
      return this.thread.workerIndex <= 0 || (plan.reusePort && address.kind === 'ip' && address.port !== 0)
    })
  }

  private bind(address: ListenAddress, listener: Listener): Promise<BoundAddress> {
    return BoundAddress.bind(address, listener, this.inherited, (bound, status) => this.onAcceptError(bound, status))
  }

  /** The event loop has closed the connection it could not take (that is how it avoids spinning): only say so. */
  private onAcceptError(bound: BoundAddress, status: number): void {
    refreshDescriptorLimit()
    const now = this.thread.clock.update()
    if (now - this.acceptErrorLoggedMs < ACCEPT_LOG_INTERVAL_MS) return
    this.acceptErrorLoggedMs = now
    logger.warn('cannot accept connections', { address: bound.localAddress.toString(), status })
  }

  private drain(listener: Listener): void {
    listener.draining = true
    if (listener.idle) {
      this.noteIdle()
      return
    }
    this.drainingListeners.add(listener)
    const timer = new Timer({ onTimer: () => listener.closeConnections(CloseNoFlush) }, 0)
    this.thread.timers.arm(timer, this.drainTimeMs)
    listener.whenIdle(() => {
      this.thread.timers.disarm(timer)
      this.drainingListeners.delete(listener)
      this.noteIdle()
    })
  }

  /** Closes the listening sockets of all listeners, or of those `which` picks; open connections go on. */
  stopAccepting(which: (plan: ListenerPlan) => boolean = () => true): void {
    this.udp.stop(which)
    for (const [name, { listener }] of [...this.active]) if (which(listener.plan)) this.removeNow(name)
    this.noteIdle()
  }

  /** Ends the connections on which nothing is under way, of all listeners. */
  closeIdle(): void {
    for (const { listener } of this.active.values()) listener.closeIdle()
    for (const listener of this.drainingListeners) listener.closeIdle()
  }

  /** Ends every connection now. */
  closeConnections(): void {
    for (const { listener } of this.active.values()) listener.closeConnections(CloseNoFlush)
    for (const listener of this.drainingListeners) listener.closeConnections(CloseNoFlush)
  }

  /** Open downstream connections of this thread. */
  get activeConnections(): number {
    let total = 0
    for (const { listener } of this.active.values()) total += listener.activeConnections
    for (const listener of this.drainingListeners) total += listener.activeConnections
    return total
  }

  /** Calls `callback` once nothing is listened on and the last connection has gone. */
  whenIdle(callback: () => void): void {
    this.idleCallback = callback
    this.noteIdle()
  }

  private noteIdle(): void {
    if (this.active.size > 0 || this.udp.size > 0 || this.drainingListeners.size > 0 || this.idleCallback === null)
      return
    const callback = this.idleCallback
    this.idleCallback = null
    callback()
  }

  status(): readonly ListenerStatus[] {
    const connected = [...this.active.values()].map(({ listener, bound }) => ({
      name: listener.plan.name,
      addresses: bound.map(one => one.localAddress),
      activeConnections: listener.activeConnections,
      draining: false,
    }))
    return [...connected, ...this.udp.status()]
  }

  /** Listening descriptors by address, for handing them to a successor. */
  descriptors(): readonly { readonly address: string; readonly fd: number }[] {
    return [...this.active.values()].flatMap(({ bound }) =>
      bound.map(one => ({ address: one.localAddress.toString(), fd: one.fd })),
    )
  }
}
