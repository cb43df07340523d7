// HOT FILE (docs/hot-path.md): a chain of one filter hands every read straight to it.

import type { ListMember } from '../base/index.ts'
import {
  type CloseEvent,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  type NetworkFilterPlan,
  StopIteration,
  type ThreadContext,
} from '../net/index.ts'
import type { StreamInfo } from '../observability/index.ts'

const NO_BYTES = Buffer.alloc(0)

/** Told when a connection has ended. */
export interface ChainOwner {
  /** 'listener.<address>.' */
  readonly statPrefix: string
  onChainClosed(chain: NetworkFilterChain): void
}

/** The network filters of one connection, between its bytes and its listener. */
export class NetworkFilterChain implements ConnectionReader, NetworkFilterCallbacks, ListMember {
  listIndex = -1
  readonly connection: Connection
  readonly info: StreamInfo
  readonly thread: ThreadContext
  private readonly owner: ChainOwner
  private readonly filters: readonly NetworkFilter[]
  /** The only filter, or null when there are several. */
  private readonly only: NetworkFilter | null
  private readonly bufferLimitBytes: number
  /** Filters [0, opened) have had their onNewConnection. */
  private opened = 0
  /** held[i]: bytes on their way into filter i. */
  private held: (Buffer | null)[] | null = null
  private heldBytes = 0
  private heldOverLimit = false
  /** The client's FIN waits behind the bytes held for this filter; -1: it does not wait. */
  private endHeldAt = -1

  constructor(
    owner: ChainOwner,
    connection: Connection,
    info: StreamInfo,
    plans: readonly NetworkFilterPlan[],
    bufferLimitBytes: number,
  ) {
    this.owner = owner
    this.connection = connection
    this.info = info
    this.thread = connection.thread
    this.bufferLimitBytes = bufferLimitBytes
    const filters: NetworkFilter[] = []
    for (let i = 0; i < plans.length; i++) filters.push(plans[i]!.create(connection.thread))
    this.filters = filters
    this.only = filters.length === 1 ? filters[0]! : null
  }

  get listenerStatPrefix(): string {
    return this.owner.statPrefix
  }

  /** Opens the filters, in order, until one of them stops. */
  open(): void {
    if (this.only !== null) {
      this.only.initialize(this)
      this.opened = 1
      this.only.onNewConnection()
      return
    }
    if (this.filters.length === 0) {
      this.connection.close(CloseNoFlush)
      return
    }
    for (let i = 0; i < this.filters.length; i++) this.filters[i]!.initialize(new FilterCallbacks(this, i))
    this.run(0, NO_BYTES, 0, 0, false)
  }

  onData(data: Buffer, start: number, end: number): void {
    if (this.only !== null) this.only.onData(data, start, end, false)
    else this.run(0, data, start, end, false)
  }

  onEnd(): void {
    if (this.only !== null) this.only.onData(NO_BYTES, 0, 0, true)
    else this.run(0, NO_BYTES, 0, 0, true)
  }

  onConnected(): void {
    throw new Error('an accepted connection is connected from the start')
  }

  /** Lets each filter end a connection on which nothing is under way. */
  closeIfIdle(): void {
    for (let i = 0; i < this.opened; i++) this.filters[i]!.onDrain?.()
  }

  onClose(event: CloseEvent): void {
    for (let i = 0; i < this.filters.length; i++) this.filters[i]!.onClose(event)
    this.owner.onChainClosed(this)
  }

  /** Of the only filter, which has nobody to continue with. */
  continueReading(): void {}

  /** Filter `index` lets the rest of the chain go on. */
  continueAfter(index: number): void {
    if (this.connection.closing) return
    const ended = this.endHeldAt === index + 1
    if (ended) this.endHeldAt = -1
    if (this.held?.[index] != null) this.run(index, NO_BYTES, 0, 0, false)
    else this.run(index + 1, NO_BYTES, 0, 0, ended)
  }

  private run(first: number, data: Buffer, start: number, end: number, endStream: boolean): void {
    for (let i = first; i < this.filters.length; i++) {
      const filter = this.filters[i]!
      if (this.opened === i) {
        this.opened = i + 1
        const status = filter.onNewConnection()
        if (this.connection.closing) return
        if (status === StopIteration) {
          this.hold(i, data, start, end, endStream)
          return
        }
      }
      const held = this.takeHeld(i)
      if (held !== null) {
        data = start === end ? held : Buffer.concat([held, data.subarray(start, end)])
        start = 0
        end = data.length
      }
      if (start === end && !endStream) continue
      const status = filter.onData(data, start, end, endStream)
      if (this.connection.closing) return
      if (status === StopIteration) {
        this.hold(i + 1, data, start, end, endStream)
        return
      }
    }
  }

  private hold(at: number, data: Buffer, start: number, end: number, endStream: boolean): void {
    if (at >= this.filters.length) return
    if (endStream) this.endHeldAt = at
    if (start === end) return
    this.held ??= new Array<Buffer | null>(this.filters.length).fill(null)
    const earlier = this.held[at]
    const fresh = data.subarray(start, end)
    this.held[at] = earlier == null ? Buffer.from(fresh) : Buffer.concat([earlier, fresh])
    this.heldBytes += end - start
    if (!this.heldOverLimit && this.bufferLimitBytes > 0 && this.heldBytes > this.bufferLimitBytes) {
      this.heldOverLimit = true
      this.connection.readDisable(true)
    }
  }

  private takeHeld(at: number): Buffer | null {
    const held = this.held?.[at] ?? null
    if (held === null) return null
    this.held![at] = null
    this.heldBytes -= held.length
    if (this.heldOverLimit && this.heldBytes <= this.bufferLimitBytes) {
      this.heldOverLimit = false
      this.connection.readDisable(false)
    }
    return held
  }
}

/** What one filter of a longer chain sees of it. */
class FilterCallbacks implements NetworkFilterCallbacks {
  private readonly chain: NetworkFilterChain
  private readonly index: number

  constructor(chain: NetworkFilterChain, index: number) {
    this.chain = chain
    this.index = index
  }

  get connection(): Connection {
    return this.chain.connection
  }

  get info(): StreamInfo {
    return this.chain.info
  }

  get thread(): ThreadContext {
    return this.chain.thread
  }

  get listenerStatPrefix(): string {
    return this.chain.listenerStatPrefix
  }

  continueReading(): void {
    this.chain.continueAfter(this.index)
  }
}
