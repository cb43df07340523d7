// Test kit: a thread context on real clocks and a connection pair over a real loopback socket.
import { Clock, TimerWheel } from '../base/index.ts'
import { runtimeSnapshot } from '../config/index.ts'
import { StatStore } from '../observability/index.ts'
import { ipAddress } from './address.ts'
import { connect } from './connect.ts'
import type { Connection } from './connection.ts'
import type { ConnectionReader } from './connection-contract.ts'
import { ConnectionCounters } from './connection-counters.ts'
import { DrainState } from './drain-state.ts'
import { ListenSocket } from './listen-socket.ts'
import { OverloadState } from './overload-state.ts'
import { adoptConnection, startReading } from './plain-connection.ts'
import { SharedCells } from './shared-cells.ts'
import type { ThreadContext } from './thread.ts'
import { ThreadBuffers } from './thread-buffers.ts'

export function testThread(): ThreadContext {
  const clock = new Clock()
  return {
    clock,
    timers: new TimerWheel(clock),
    stats: new StatStore(),
    buffers: new ThreadBuffers(),
    random: Math.random,
    drain: new DrainState(),
    overload: new OverloadState(),
    connectionCounters: new ConnectionCounters(ConnectionCounters.allocate(1), 1, 0),
    sharedCells: new SharedCells(SharedCells.allocate(4096)),
    runtime: { snapshot: runtimeSnapshot([]) },
    node: {},
    workerIndex: 0,
  }
}

export interface ConnectionPair {
  readonly downstream: Connection
  readonly upstream: Connection
  close(): void
}

/** Two connections, each the other's peer. */
export async function connectedPair(
  thread: ThreadContext,
  downstreamReader: ConnectionReader,
  upstreamReader: ConnectionReader,
): Promise<ConnectionPair> {
  const accepted = Promise.withResolvers<Connection>()
  const listener = await ListenSocket.listen(
    { address: ipAddress('127.0.0.1', 0), reusePort: false, backlog: 16 },
    handle => {
      const connection = adoptConnection(thread, handle)
      connection.reader = downstreamReader
      startReading(connection)
      accepted.resolve(connection)
    },
    status => accepted.reject(new Error(`accept failed: ${status}`)),
  )
  const upstream = connect(thread, listener.localAddress)
  upstream.reader = upstreamReader
  const downstream = await accepted.promise
  return {
    downstream,
    upstream,
    close: () => {
      downstream.close(0)
      upstream.close(0)
      listener.close()
    },
  }
}
