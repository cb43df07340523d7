// Asks a host over plain TCP: connects, and where the plan says so, sends bytes and waits for others.
import {
  type CloseEvent,
  CloseFlush,
  CloseNoFlush,
  type Connection,
  type ConnectionReader,
  formatHostPort,
  type ProxyHeaderPlan,
  proxyHeader,
} from '../../net/index.ts'
import type { CheckerPlan, CheckResults, CheckTarget, HostCheck } from './checker.ts'
import { PayloadMatcher } from './payload.ts'

export interface TcpCheckerPlan extends CheckerPlan {
  readonly type: 'TCP'
}

export interface TcpCheckSettings {
  readonly send: Buffer
  /** Blocks that must come in this order; none: being connected is enough. */
  readonly receive: readonly Buffer[]
  /** Goes before the first bytes of a connection; null: none. */
  readonly proxyHeader: ProxyHeaderPlan | null
}

export function tcpChecker(settings: TcpCheckSettings): TcpCheckerPlan {
  return { type: 'TCP', host: '', open: (target, results) => new TcpCheck(settings, target, results) }
}

class TcpCheck implements HostCheck, ConnectionReader {
  private readonly send: Buffer
  private readonly header: ProxyHeaderPlan | null
  private readonly matcher: PayloadMatcher
  private readonly target: CheckTarget
  private readonly results: CheckResults
  private connection: Connection | null = null
  /** Ended here, which is no failure of the host. */
  private expectClose = false
  private waiting = false

  constructor(settings: TcpCheckSettings, target: CheckTarget, results: CheckResults) {
    this.send = settings.send
    this.header = settings.proxyHeader
    this.matcher = new PayloadMatcher(settings.receive)
    this.target = target
    this.results = results
  }

  begin(): void {
    this.expectClose = false
    this.waiting = true
    this.matcher.reset()
    if (this.connection !== null) {
      this.ask(this.connection)
      return
    }
    this.connection = this.target.connect()
    this.connection.reader = this
  }

  onConnected(): void {
    const connection = this.connection as Connection
    if (this.header !== null && this.send.length > 0) this.introduce(connection, this.header)
    this.ask(connection)
    // Nothing is expected from the host: that it can be connected to is all.
    if (this.matcher.complete) this.pass(true)
  }

  /** As Envoy: version 1 tells the addresses of the check itself, version 2 that nobody stands behind it. */
  private introduce(connection: Connection, plan: ProxyHeaderPlan): void {
    const { localAddress = '', localPort = 0 } = connection.socket
    const source = formatHostPort(localAddress, localPort)
    const ends = { source, destination: this.target.address.toString(), tlvs: null }
    const bytes = proxyHeader(plan, plan.version === 1 ? ends : null)
    connection.write(bytes, 0, bytes.length)
  }

  private ask(connection: Connection): void {
    if (this.send.length > 0) connection.write(this.send, 0, this.send.length)
  }

  onData(data: Buffer, start: number, end: number): void {
    if (this.waiting && this.matcher.feed(data, start, end)) this.pass(!this.target.reuseConnection)
  }

  private pass(close: boolean): void {
    this.waiting = false
    if (close) this.drop(CloseFlush)
    this.results.onCheckPassed(false)
  }

  onEnd(): void {
    this.connection?.closeByPeer()
  }

  onClose(_event: CloseEvent): void {
    this.connection = null
    this.waiting = false
    // As in Envoy, a peer that closes the connection kept for the next check has failed this one.
    if (!this.expectClose) this.results.onCheckFailed('NETWORK', 0, true)
  }

  timeOut(): void {
    this.waiting = false
    this.drop(CloseNoFlush)
  }

  close(): void {
    this.waiting = false
    this.drop(CloseNoFlush)
  }

  private drop(kind: typeof CloseFlush | typeof CloseNoFlush): void {
    const { connection } = this
    this.connection = null
    if (connection === null) return
    this.expectClose = true
    connection.reader = null
    connection.close(kind)
  }
}
