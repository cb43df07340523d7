import type { ThreadContext } from '../net/index.ts'
import type { ListenerStatus } from './listener-manager.ts'
import type { ListenAddress, ListenerPlan } from './listener-plan.ts'
import { UdpListener } from './udp-listener.ts'

/** The UDP listeners of one thread. They do not drain: what has no connection cannot be waited for. */
export class UdpListeners {
  private readonly thread: ThreadContext
  private readonly active = new Map<string, UdpListener>()

  constructor(thread: ThreadContext) {
    this.thread = thread
  }

  get size(): number {
    return this.active.size
  }

  /** Adds or replaces. Throws, and changes nothing, when an address cannot be bound. */
  apply(plan: ListenerPlan): void {
    const previous = this.active.get(plan.name)
    this.active.set(plan.name, new UdpListener(plan, this.addressesHere(plan), this.thread, previous))
  }

  /** Without SO_REUSEPORT, or on a port that the system chooses, the first worker receives for all. */
  private addressesHere({ addresses, bindToPort, reusePort }: ListenerPlan): readonly ListenAddress[] {
    if (!bindToPort) return []
    return addresses.filter(({ address }) => this.thread.workerIndex <= 0 || (reusePort && address.port !== 0))
  }

  remove(name: string): void {
    this.active.get(name)?.close()
    this.active.delete(name)
  }

  stop(which: (plan: ListenerPlan) => boolean): void {
    for (const { plan } of [...this.active.values()]) if (which(plan)) this.remove(plan.name)
  }

  status(): readonly ListenerStatus[] {
    return [...this.active.values()].map(({ plan, addresses }) => ({
      name: plan.name,
      addresses,
      activeConnections: 0,
      draining: false,
    }))
  }
}
