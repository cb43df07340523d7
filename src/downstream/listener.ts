import { MemberList } from '../base/index.ts'
import {
  type AcceptedHandle,
  type AcceptedSocket,
  type AccessLog,
  type Address,
  adoptConnection,
  CloseFlush,
  type CloseKind,
  CloseNoFlush,
  type Connection,
  type ConnectionCounter,
  type DownstreamTransportSocketFactory,
  endpointOf,
  isBeyondAccepted,
  openAccessLogs,
  startReading,
  type ThreadContext,
  writeAccessLogs,
} from '../net/index.ts'
import { type ConnectionInfo, ResponseFlag, type StatBlock, StreamInfo } from '../observability/index.ts'
import { localAddressOf, remoteAddressOf } from './accepted-address.ts'
import { type ListenerFilterOutcome, type ListenerFilterOwner, ListenerFilterRun } from './listener-filter-run.ts'
import type { FilterChainPlan, ListenerPlan } from './listener-plan.ts'
import * as stats from './listener-stats.ts'
import { type ChainOwner, NetworkFilterChain } from './network-filter-chain.ts'
import { TransportTimeout } from './transport-timeout.ts'

/** What the listeners of one thread share. */
export interface ListenerContext {
  readonly thread: ThreadContext
  /** Open connections of all listeners and workers. */
  readonly globalConnections: ConnectionCounter
  /** Most connections over all listeners; Infinity: no limit. */
  readonly maxGlobalConnections: number
}

/** One configured listener on one thread: accepts connections and gives each its filter chain. */
export class Listener implements ChainOwner, ListenerFilterOwner {
  readonly plan: ListenerPlan
  /** 'listener.<address>.' */
  readonly statPrefix: string
  /** No new connections; the open ones end by themselves or at the end of the drain time. */
  draining = false
  private readonly context: ListenerContext
  private readonly thread: ThreadContext
  private readonly stats: StatBlock
  private readonly workerStats: StatBlock
  private readonly connectionCounter: ConnectionCounter
  private readonly limitKey: string
  private readonly accessLogs: readonly AccessLog[]
  private readonly transports: ReadonlyMap<FilterChainPlan, DownstreamTransportSocketFactory | null>
  private readonly chains = new MemberList<NetworkFilterChain>()
  private readonly filterRuns = new MemberList<ListenerFilterRun>()
  private idleCallback: (() => void) | null = null

  constructor(plan: ListenerPlan, context: ListenerContext, connectionCounter: ConnectionCounter) {
    this.plan = plan
    this.context = context
    const { thread } = context
    this.thread = thread
    this.connectionCounter = connectionCounter
    this.limitKey = `envoy.resource_limits.listener.${plan.name}.connection_limit`
    const prefix = `listener.${plan.statName}.`
    this.statPrefix = prefix
    this.stats = thread.stats.block(prefix, stats.LISTENER_STATS)
    this.workerStats = thread.stats.block(`${prefix}${stats.placeOf(thread)}.`, stats.LISTENER_WORKER_STATS)
    this.accessLogs = openAccessLogs(plan.accessLogs, thread)
    const chains =
      plan.defaultFilterChain === null ? plan.filterChains : [...plan.filterChains, plan.defaultFilterChain]
    for (const { filters } of chains) for (const filter of filters) filter.prepare?.(thread)
    this.transports = new Map(chains.map(chain => [chain, chain.transportSocket?.create(thread, prefix) ?? null]))
  }

  /** Connections past their listener filters. */
  get activeConnections(): number {
    return this.chains.size
  }

  get idle(): boolean {
    return this.chains.size === 0 && this.filterRuns.size === 0
  }

  /** Calls `callback` once the last connection has gone; at once when there is none. */
  whenIdle(callback: () => void): void {
    if (this.idle) callback()
    else this.idleCallback = callback
  }

  /** A connection was accepted on `listening`. */
  accept(handle: AcceptedHandle, listening: Address): void {
    const { thread } = this
    thread.clock.update()
    if (isBeyondAccepted(handle)) {
      this.stats.cells[stats.GLOBAL_CX_OVERFLOW]! += 1
      handle.close()
      return
    }
    if (thread.overload.takes('reject_incoming_connections')) {
      this.stats.cells[stats.CX_OVERLOAD_REJECT]! += 1
      handle.close()
      return
    }
    if (!this.takePlace()) {
      handle.close()
      return
    }
    const remote = remoteAddressOf(handle, listening)
    const local = localAddressOf(handle, listening)
    const socket: AcceptedSocket = {
      remoteAddress: remote,
      localAddress: local,
      directRemoteAddress: remote,
      directLocalAddress: local,
      requestedServerName: null,
      transportProtocol: 'raw_buffer',
      applicationProtocols: [],
      ja3: null,
      ja4: null,
      proxyTlvs: null,
      dynamicMetadata: null,
      filterState: null,
    }
    thread.buffers.enter()
    if (this.plan.listenerFilters.length === 0) this.openOverHandle(handle, socket)
    else this.runListenerFilters(adoptConnection(thread, handle), socket)
    thread.buffers.leave()
  }

  private takePlace(): boolean {
    const { context, stats: block, plan } = this
    const { snapshot } = this.thread.runtime
    if (!this.connectionCounter.tryAdd(snapshot.getNumber(this.limitKey, Number.POSITIVE_INFINITY))) {
      block.cells[stats.CX_OVERFLOW]! += 1
      return false
    }
    if (plan.ignoreGlobalConnLimit) return true
    const runtimeLimit = snapshot.getNumber('overload.global_downstream_max_connections', Number.POSITIVE_INFINITY)
    if (context.globalConnections.tryAdd(Math.min(runtimeLimit, context.maxGlobalConnections))) return true
    this.connectionCounter.remove()
    block.cells[stats.GLOBAL_CX_OVERFLOW]! += 1
    return false
  }

  private givePlaceBack(): void {
    this.connectionCounter.remove()
    if (!this.plan.ignoreGlobalConnLimit) this.context.globalConnections.remove()
  }

  private runListenerFilters(connection: Connection, socket: AcceptedSocket): void {
    const run = new ListenerFilterRun(this, connection, socket, this.plan)
    connection.reader = run
    this.filterRuns.add(run)
    this.stats.cells[stats.PRE_CX_ACTIVE]! += 1
    run.begin()
    startReading(connection)
  }

  onListenerFiltersPassed(run: ListenerFilterRun, rest: Buffer, ended: boolean, outcome: 'passed' | 'timeout'): void {
    this.forgetRun(run, outcome)
    const { connection, socket } = run
    const chainPlan = this.chooseChain(socket)
    const transport = chainPlan === null ? null : this.transports.get(chainPlan)!
    if (transport !== null) {
      // Those bytes are the transport's; a client that has closed its half will not finish a handshake.
      transport.goUnder(connection, rest)
      this.openChain(connection, socket, chainPlan)
      if (ended) connection.closeByPeer()
      return
    }
    const chain = this.openChain(connection, socket, chainPlan)
    if (chain === null) return
    if (rest.length > 0) chain.onData(rest, 0, rest.length)
    if (ended && !chain.connection.closing) chain.onEnd()
  }

  onListenerFiltersFailed(run: ListenerFilterRun, outcome: ListenerFilterOutcome): void {
    this.forgetRun(run, outcome)
    this.givePlaceBack()
    this.noteIdle()
  }

  private forgetRun(run: ListenerFilterRun, outcome: ListenerFilterOutcome): void {
    this.filterRuns.delete(run)
    const { cells } = this.stats
    cells[stats.PRE_CX_ACTIVE]! -= 1
    if (outcome === 'timeout') cells[stats.PRE_CX_TIMEOUT]! += 1
    else if (outcome === 'remote_close') cells[stats.LISTENER_FILTER_REMOTE_CLOSE]! += 1
    else if (outcome === 'error') cells[stats.LISTENER_FILTER_ERROR]! += 1
  }

  /** Without listener filters everything that the choice needs is known at once. */
  private openOverHandle(handle: AcceptedHandle, socket: AcceptedSocket): void {
    const chainPlan = this.chooseChain(socket)
    const transport = chainPlan === null ? null : this.transports.get(chainPlan)!
    this.openChain(
      transport === null ? adoptConnection(this.thread, handle) : transport.accept(handle),
      socket,
      chainPlan,
    )
  }

  private openChain(
    connection: Connection,
    socket: AcceptedSocket,
    chainPlan: FilterChainPlan | null,
  ): NetworkFilterChain | null {
    const { plan, thread } = this
    const info = new StreamInfo(connectionInfo(connection, socket, plan, chainPlan, thread.clock.now), thread.clock.now)
    connection.info = info.connection
    info.dynamicMetadata = socket.dynamicMetadata
    if (chainPlan === null) {
      this.refuse(connection, info)
      return null
    }
    if (plan.bufferLimitBytes > 0) connection.setBufferLimits(plan.bufferLimitBytes)
    const chain = new NetworkFilterChain(this, connection, info, chainPlan.filters, plan.bufferLimitBytes)
    connection.reader = chain
    this.chains.add(chain)
    this.stats.cells[stats.CX_TOTAL]! += 1
    this.stats.cells[stats.CX_ACTIVE]! += 1
    this.workerStats.cells[stats.WORKER_CX_TOTAL]! += 1
    this.workerStats.cells[stats.WORKER_CX_ACTIVE]! += 1
    if (chainPlan.transportSocketConnectTimeoutMs > 0 && connection.ssl !== null) {
      new TransportTimeout(chain, this.stats, chainPlan.transportSocketConnectTimeoutMs)
    }
    chain.open()
    startReading(connection)
    return chain
  }

  private chooseChain(socket: AcceptedSocket): FilterChainPlan | null {
    const { matcher, tree, filterChains, defaultFilterChain } = this.plan
    if (tree !== null) return filterChains[tree.find(socket) ?? -1] ?? defaultFilterChain
    if (matcher.only >= 0) return filterChains[matcher.only]!
    const destination = endpointOf(socket.localAddress)
    const source = endpointOf(socket.remoteAddress)
    const index = matcher.find({
      destinationPort: destination.port,
      destinationIp: destination.ip,
      serverName: socket.requestedServerName,
      transportProtocol: socket.transportProtocol,
      applicationProtocols: socket.applicationProtocols,
      directSourceIp: endpointOf(socket.directRemoteAddress).ip,
      sourceIp: source.ip,
      sourcePort: source.port,
    })
    return filterChains[index] ?? defaultFilterChain
  }

  private refuse(connection: Connection, info: StreamInfo): void {
    this.stats.cells[stats.NO_FILTER_CHAIN_MATCH]! += 1
    info.flags |= ResponseFlag.NoRouteFound
    info.responseCodeDetails = 'filter_chain_not_found'
    this.logConnection(info)
    connection.reader = null
    connection.close(CloseNoFlush)
    this.givePlaceBack()
    this.noteIdle()
  }

  onChainClosed(chain: NetworkFilterChain): void {
    this.chains.delete(chain)
    this.stats.cells[stats.CX_ACTIVE]! -= 1
    this.stats.cells[stats.CX_DESTROY]! += 1
    this.workerStats.cells[stats.WORKER_CX_ACTIVE]! -= 1
    const { clock } = this.thread
    this.stats.histogram(stats.CX_LENGTH_MS).record(clock.now - chain.info.startMs)
    const { info, connection } = chain
    info.downstreamTransportFailureReason ??= connection.transportFailureReason
    if (this.accessLogs.length > 0) {
      info.bytesReceived = connection.bytesRead
      info.bytesSent = connection.bytesWritten
      info.endUs = info.sinceStartUs(clock.now)
      this.logConnection(info)
    }
    this.givePlaceBack()
    this.noteIdle()
  }

  private logConnection(info: StreamInfo): void {
    writeAccessLogs(this.accessLogs, {
      requestHeaders: null,
      responseHeaders: null,
      responseTrailers: null,
      info,
      accessLogType: 'TcpConnectionEnd',
    })
  }

  private noteIdle(): void {
    if (!this.idle || this.idleCallback === null) return
    const callback = this.idleCallback
    this.idleCallback = null
    callback()
  }

  /** Ends the connections on which nothing is under way. */
  closeIdle(): void {
    for (const chain of this.chains.all()) chain.closeIfIdle()
  }

  /** Ends every open connection; what is buffered is sent first where `kind` says so. */
  closeConnections(kind: CloseKind = CloseFlush): void {
    for (const run of this.filterRuns.all()) run.connection.close(CloseNoFlush)
    for (const chain of this.chains.all()) chain.connection.close(kind)
  }
}

function connectionInfo(
  connection: Connection,
  socket: AcceptedSocket,
  { metadata, trafficDirection }: ListenerPlan,
  chain: FilterChainPlan | null,
  startMs: number,
): ConnectionInfo {
  return {
    connectionId: connection.id,
    remoteAddress: socket.remoteAddress,
    directRemoteAddress: socket.directRemoteAddress,
    localAddress: socket.localAddress,
    directLocalAddress: socket.directLocalAddress,
    requestedServerName: socket.requestedServerName,
    filterChainName: chain?.name ?? '',
    ssl: connection.ssl,
    ja3: socket.ja3,
    ja4: socket.ja4,
    proxyTlvs: socket.proxyTlvs,
    startMs,
    listenerMetadata: metadata,
    trafficDirection,
    filterChainMetadata: chain?.metadata ?? null,
    filterState: socket.filterState,
  }
}
