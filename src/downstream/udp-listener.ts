// HOT FILE (docs/hot-path.md): one UDP listener on one thread: hands datagrams to the listener's filters.
import {
  type Address,
  Continue,
  type ThreadContext,
  type UdpListenerFilter,
  type UdpListenerFilterCallbacks,
  type UdpReceiver,
  UdpSocket,
} from '../net/index.ts'
import type { StatBlock } from '../observability/index.ts'
import type { ListenAddress, ListenerPlan } from './listener-plan.ts'
import * as stats from './listener-stats.ts'

/** One bound address and the filters that see its datagrams. */
class BoundUdpAddress implements UdpReceiver, UdpListenerFilterCallbacks {
  readonly configured: ListenAddress
  readonly thread: ThreadContext
  private readonly socket: UdpSocket
  private filters: readonly UdpListenerFilter[] = []
  private maxBytes = 0
  private stats: StatBlock = null as never
  localAddress: Address

  constructor(configured: ListenAddress, thread: ThreadContext, reusePort: boolean) {
    const { address, ipv6Only } = configured
    const socket = UdpSocket.bind(address, { reusePort, ipv6Only }, this)
    if (typeof socket === 'string') throw Object.assign(new Error(`bind ${socket} ${address}`), { code: socket })
    this.configured = configured
    this.thread = thread
    this.socket = socket
    this.localAddress = socket.localAddress
  }

  /** Datagrams go to filters of `plan` from now on; what the old ones had under way ends. */
  serve({ udp }: ListenerPlan, block: StatBlock): void {
    const old = this.filters
    this.stats = block
    this.maxBytes = udp!.maxRxDatagramBytes
    this.filters = udp!.filters.map(filter => filter.create(this))
    for (const filter of old) filter.onClose()
  }

  onDatagram(data: Buffer, fromHost: string, fromPort: number): void {
    const { thread } = this
    thread.clock.update()
    if (data.length > this.maxBytes) {
      this.stats.cells[stats.RX_DATAGRAM_DROPPED]! += 1
      return
    }
    const { filters } = this
    for (let i = 0; i < filters.length; i++) {
      if (filters[i]!.onDatagram(data, fromHost, fromPort) !== Continue) return
    }
  }

  onReceiveError(): void {
    for (const filter of this.filters) filter.onReceiveError()
  }

  send(data: Buffer, toHost: string, toPort: number): boolean {
    return this.socket.sendTo(data, toHost, toPort)
  }

  close(): void {
    this.socket.close()
    for (const filter of this.filters) filter.onClose()
    this.filters = []
  }
}

export class UdpListener {
  readonly plan: ListenerPlan
  private bound: readonly BoundUdpAddress[] = []

  /**
   * Takes the place of `previous`: addresses that stay keep their sockets. Throws, and changes nothing, when an address
   * cannot be bound.
   */
  constructor(plan: ListenerPlan, addresses: readonly ListenAddress[], thread: ThreadContext, previous?: UdpListener) {
    this.plan = plan
    const kept = previous?.bound ?? []
    const find = (address: ListenAddress): BoundUdpAddress | undefined =>
      kept.find(
        ({ configured }) =>
          configured.address.toString() === address.address.toString() && configured.ipv6Only === address.ipv6Only,
      )
    const fresh: BoundUdpAddress[] = []
    try {
      for (const address of addresses) {
        if (find(address) === undefined) fresh.push(new BoundUdpAddress(address, thread, plan.reusePort))
      }
    } catch (error) {
      for (const bound of fresh) bound.close()
      throw error
    }
    const block = statsOf(plan, thread)
    this.bound = addresses.map(address => find(address) ?? fresh.shift()!)
    for (const bound of this.bound) bound.serve(plan, block)
    for (const bound of kept) if (!this.bound.includes(bound)) bound.close()
  }

  get addresses(): readonly Address[] {
    return this.bound.map(({ localAddress }) => localAddress)
  }

  /** Nothing is received any longer, and nobody who has asked is answered. */
  close(): void {
    for (const bound of this.bound) bound.close()
  }
}

/** Those of connections stay at 0; Envoy has them as well. */
function statsOf({ statName }: ListenerPlan, thread: ThreadContext): StatBlock {
  const prefix = `listener.${statName}.`
  thread.stats.block(prefix, stats.LISTENER_STATS)
  thread.stats.block(`${prefix}${stats.placeOf(thread)}.`, stats.LISTENER_WORKER_STATS)
  return thread.stats.block(`${prefix}udp.`, stats.UDP_LISTENER_STATS)
}
