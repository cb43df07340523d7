// Connecting. Of a peer with several addresses (RFC 8305) the next one is tried when one fails or takes too long; the first
// to stand wins.
import { isIPv6, type Socket } from 'node:net'
import { Timer, type TimerOwner } from '../base/index.ts'
import type { Address } from './address.ts'
import { Connection } from './connection.ts'
import type { TransportSocket } from './connection-contract.ts'
import { endWithoutDescriptor } from './descriptor-limit.ts'
import { attachHandle } from './plain-connection.ts'
import type { ThreadContext } from './thread.ts'
import type { AcceptedHandle } from './transport-socket/stream-handle.ts'

const NEXT_TIMER = 0
/** As in Envoy. */
const ATTEMPT_DELAY_MS = 300

/** UpstreamConnectionOptions.HappyEyeballsConfig. */
export interface AddressOrder {
  /** Null: the family of the first address. */
  readonly firstFamily: 'V4' | 'V6' | null
  /** How many of the first family come before each one of the other. */
  readonly firstFamilyCount: number
}

/** In the order in which they are tried: families take turns. */
export function orderAddresses(addresses: readonly Address[], order: AddressOrder): readonly Address[] {
  const firstIsV6 = order.firstFamily === null ? isIPv6(addresses[0]?.host ?? '') : order.firstFamily === 'V6'
  const first = addresses.filter(({ host }) => isIPv6(host) === firstIsV6)
  const other = addresses.filter(({ host }) => isIPv6(host) !== firstIsV6)
  const ordered: Address[] = []
  while (first.length > 0 || other.length > 0) {
    ordered.push(...first.splice(0, order.firstFamilyCount), ...other.splice(0, 1))
  }
  return ordered
}

/** Stands under a connection until one of its addresses has answered; then that socket takes its place. */
export class AddressRace implements TransportSocket, TimerOwner {
  readonly connecting = true
  readonly writableFinished = false
  private readonly thread: ThreadContext
  private readonly addresses: readonly Address[]
  private readonly begin: (address: Address) => Socket
  private readonly timer = new Timer(this, NEXT_TIMER)
  private readonly connection: Connection
  private readonly running = new Set<Socket>()
  private next = 0
  private over = false
  /** Written before there was anybody to send it to. */
  private readonly early: Uint8Array[] = []
  private ended = false

  private constructor(thread: ThreadContext, addresses: readonly Address[], begin: (address: Address) => Socket) {
    this.thread = thread
    this.addresses = addresses
    this.begin = begin
    this.connection = new Connection(thread, this, true)
  }

  /** `begin`: makes a socket that connects to an address. */
  static start(thread: ThreadContext, addresses: readonly Address[], begin: (address: Address) => Socket): Connection {
    const race = new AddressRace(thread, addresses, begin)
    race.tryNext()
    return race.connection
  }

  private tryNext(): void {
    const socket = this.begin(this.addresses[this.next++] as Address)
    this.running.add(socket)
    socket.once('connect', () => this.onConnect(socket))
    socket.on('error', (error: NodeJS.ErrnoException) => this.onError(socket, error))
    if (this.next < this.addresses.length) this.thread.timers.arm(this.timer, ATTEMPT_DELAY_MS)
    else this.thread.timers.disarm(this.timer)
  }

  onTimer(): void {
    this.tryNext()
  }

  private onError(socket: Socket, error: NodeJS.ErrnoException): void {
    if (!this.running.delete(socket) || this.over) return
    if (this.next < this.addresses.length) this.tryNext()
    else if (this.running.size === 0) {
      this.connection.handleError(error)
      this.destroy()
    }
  }

  private onConnect(socket: Socket): void {
    // Its error is heard next.
    if (this.over || endWithoutDescriptor(socket)) return
    this.running.delete(socket)
    this.letGo()
    const { connection } = this
    attachHandle(connection, takeHandle(socket))
    for (const bytes of this.early) connection.socket.write(bytes)
    connection.handleConnect()
    if (this.ended) connection.socket.end()
  }

  /** Who has not won is let go. */
  private letGo(): void {
    this.over = true
    this.thread.timers.disarm(this.timer)
    for (const socket of this.running) socket.destroy()
    this.running.clear()
  }

  // ---- the socket of a connection that is not there yet

  get writableLength(): number {
    return this.early.reduce((sum, { length }) => sum + length, 0)
  }

  write(bytes: Uint8Array): void {
    this.early.push(bytes)
  }

  end(): void {
    this.ended = true
  }

  /** A connection that reads nothing says so again once it stands. */
  pause(): void {}
  resume(): void {}

  destroy(): void {
    if (this.over) return
    this.letGo()
    process.nextTick(() => this.connection.handleClose())
  }

  resetAndDestroy(): void {
    this.destroy()
  }
}

/** net.Socket has done its part when it is connected. */
function takeHandle(socket: Socket): AcceptedHandle {
  const emptied = socket as unknown as { _handle: AcceptedHandle | null }
  const handle = emptied._handle!
  socket.pause()
  emptied._handle = null
  return handle
}
