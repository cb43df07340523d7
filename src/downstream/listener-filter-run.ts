import { type ListMember, Timer } from '../base/index.ts'
import {
  type AcceptedSocket,
  CloseAbort,
  CloseConnection,
  type CloseEvent,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  Continue,
  DropConnection,
  endpointOf,
  type ListenerFilter,
  type PeekedBytes,
} from '../net/index.ts'
import type { ListenerPlan } from './listener-plan.ts'

const NO_BYTES = Buffer.alloc(0)

/** How the listener filters of one connection ended. */
export type ListenerFilterOutcome = 'passed' | 'timeout' | 'remote_close' | 'error' | 'dropped'

export interface ListenerFilterOwner {
  /** The filters let the connection go on; the peeked bytes that remain belong to its filter chain. */
  onListenerFiltersPassed(run: ListenerFilterRun, rest: Buffer, ended: boolean, outcome: 'passed' | 'timeout'): void
  /** The connection is gone, or is being closed. */
  onListenerFiltersFailed(run: ListenerFilterRun, outcome: ListenerFilterOutcome): void
}

/** Runs the listener filters over the first bytes of one connection. */
export class ListenerFilterRun implements ConnectionReader, PeekedBytes, ListMember {
  listIndex = -1
  readonly connection: Connection
  readonly socket: AcceptedSocket
  private readonly owner: ListenerFilterOwner
  private readonly plan: ListenerPlan
  private readonly filters: readonly ListenerFilter[]
  private readonly timer: Timer
  private current = 0
  private accepted = -1
  private ended = false
  private done = false
  data: Buffer = NO_BYTES
  start = 0
  end = 0

  constructor(owner: ListenerFilterOwner, connection: Connection, socket: AcceptedSocket, plan: ListenerPlan) {
    this.owner = owner
    this.connection = connection
    this.socket = socket
    this.plan = plan
    const { port } = endpointOf(socket.localAddress)
    this.filters = plan.listenerFilters
      .filter(({ disabled }) => disabled === null || !disabled(port))
      .map(entry => entry.plan.create(connection.thread))
    this.timer = new Timer(this, 0)
  }

  begin(): void {
    const { listenerFiltersTimeoutMs } = this.plan
    if (listenerFiltersTimeoutMs > 0) this.connection.thread.timers.arm(this.timer, listenerFiltersTimeoutMs)
    this.advance()
  }

  consume(count: number): void {
    this.start += count
  }

  onData(data: Buffer, start: number, end: number): void {
    if (this.done) return
    const fresh = data.subarray(start, end)
    this.data =
      this.start === this.end ? Buffer.from(fresh) : Buffer.concat([this.data.subarray(this.start, this.end), fresh])
    this.start = 0
    this.end = this.data.length
    this.advance()
  }

  onEnd(): void {
    this.ended = true
    if (!this.done) this.advance()
  }

  onConnected(): void {
    throw new Error('an accepted connection is connected from the start')
  }

  onClose(event: CloseEvent): void {
    if (!this.done) this.fail(event === 'remote' ? 'remote_close' : 'error')
  }

  onTimer(): void {
    if (this.plan.continueOnListenerFiltersTimeout) this.pass('timeout')
    else this.fail('timeout')
  }

  private advance(): void {
    for (; this.current < this.filters.length; this.current++) {
      const filter = this.filters[this.current]!
      let status = Continue as ReturnType<ListenerFilter['onAccept']>
      if (this.accepted < this.current) {
        this.accepted = this.current
        status = filter.onAccept(this.socket)
        if (status !== Continue && (this.end > this.start || this.ended))
          status = filter.onData(this, this.socket, this.ended)
      } else status = filter.onData(this, this.socket, this.ended)
      if (status === CloseConnection) {
        this.fail('error')
        return
      }
      if (status === DropConnection) {
        this.fail('dropped')
        return
      }
      if (status === Continue) continue
      // Nothing more will come, or more came than the filter asked to see: waiting would not help.
      if (this.ended) {
        this.fail('remote_close')
        return
      }
      if (this.end - this.start < filter.maxBytes) return
    }
    this.pass('passed')
  }

  private pass(outcome: 'passed' | 'timeout'): void {
    this.finish()
    this.owner.onListenerFiltersPassed(this, this.data.subarray(this.start, this.end), this.ended, outcome)
  }

  private fail(outcome: ListenerFilterOutcome): void {
    this.finish()
    this.owner.onListenerFiltersFailed(this, outcome)
    // What a filter refused counts as never read, and the kernel resets a connection that is closed with unread bytes.
    this.connection.close(outcome === 'error' ? CloseAbort : CloseNoFlush)
  }

  private finish(): void {
    this.done = true
    this.connection.thread.timers.disarm(this.timer)
  }
}
