import { Timer, type TimerOwner } from '../base/index.ts'
import { CloseNoFlush } from '../net/index.ts'
import type { StatBlock } from '../observability/index.ts'
import * as stats from './listener-stats.ts'
import type { NetworkFilterChain } from './network-filter-chain.ts'

/** transport_socket_connect_timeout: ends a connection whose handshake takes too long. */
export class TransportTimeout implements TimerOwner {
  private readonly chain: NetworkFilterChain
  private readonly stats: StatBlock

  constructor(chain: NetworkFilterChain, block: StatBlock, timeoutMs: number) {
    this.chain = chain
    this.stats = block
    chain.thread.timers.arm(new Timer(this, 0), timeoutMs)
  }

  /** Timers are not disarmed by a handshake: looking once, later, is cheaper than being told each time. */
  onTimer(): void {
    const { connection } = this.chain
    if (connection.closing || connection.ssl === null || connection.ssl.version !== '') return
    this.stats.cells[stats.TRANSPORT_TIMEOUT]! += 1
    this.chain.info.connectionTerminationDetails = 'transport socket timeout was reached'
    connection.close(CloseNoFlush)
  }
}
