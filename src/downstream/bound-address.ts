import fs from 'node:fs'
import { type AcceptedHandle, type Address, ListenSocket } from '../net/index.ts'
import type { Listener } from './listener.ts'
import type { ListenAddress } from './listener-plan.ts'
import { removeStalePipe } from './stale-pipe.ts'

/**
 * A descriptor that already listens on `address` (inherited); 'elsewhere' when other workers have inherited it; undefined:
 * bind it here.
 */
export type InheritedDescriptor = (address: Address) => number | 'elsewhere' | undefined

/**
 * One listening socket and whoever gets its connections. A listener that is replaced hands the socket over to its
 * successor, so that no connection in the accept queue is lost.
 */
export class BoundAddress {
  readonly configured: ListenAddress
  private listener: Listener
  private socket: ListenSocket | null = null
  /** Idle time and interval in seconds, number of probes. */
  private keepalive: readonly [number, number, number] | null

  private constructor(configured: ListenAddress, listener: Listener) {
    this.configured = configured
    this.listener = listener
    this.keepalive = numbersOf(configured)
  }

  /** Rejects with the system's error when the address cannot be listened on. */
  static async bind(
    configured: ListenAddress,
    listener: Listener,
    inherited: InheritedDescriptor,
    onAcceptError: (bound: BoundAddress, status: number) => void,
  ): Promise<BoundAddress> {
    const { address, ipv6Only } = configured
    const { plan } = listener
    const bound = new BoundAddress(configured, listener)
    const fd = inherited(address)
    if (fd === undefined && address.kind === 'pipe') await removeStalePipe(address.path)
    bound.socket = await ListenSocket.listen(
      {
        address,
        ipv6Only,
        reusePort: plan.reusePort && address.kind === 'ip',
        backlog: plan.backlog,
        ...(typeof fd === 'number' ? { fd } : {}),
      },
      handle => bound.accepted(handle),
      status => onAcceptError(bound, status),
    )
    return bound
  }

  private accepted(handle: AcceptedHandle): void {
    if (this.keepalive !== null) handle.setKeepAlive?.(true, ...this.keepalive)
    this.listener.accept(handle, this.localAddress)
  }

  /** The address as bound: with the port the system chose where the configuration says 0. */
  get localAddress(): Address {
    return this.socket?.localAddress ?? this.configured.address
  }

  /** The listening descriptor; -1 once closed. */
  get fd(): number {
    return this.socket?.fd ?? -1
  }

  /** Connections go to `listener` from now on. */
  handOver(listener: Listener, next: ListenAddress): void {
    const { address } = next
    this.listener = listener
    this.keepalive = numbersOf(next)
    if (address.kind === 'pipe' && address.mode !== this.configured.address.mode && address.mode !== 0) {
      fs.chmodSync(address.path, address.mode)
    }
  }

  serves({ address, ipv6Only }: ListenAddress): boolean {
    return this.configured.address.toString() === address.toString() && this.configured.ipv6Only === ipv6Only
  }

  close(): void {
    this.socket?.close()
    this.socket = null
  }
}

function numbersOf({ keepalive }: ListenAddress): readonly [number, number, number] | null {
  return keepalive === null ? null : [keepalive.idleS, keepalive.intervalS, keepalive.probes]
}
