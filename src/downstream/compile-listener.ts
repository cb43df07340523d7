import './listener-support.ts'
import type { AddressJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { FilterChainJson, FilterJson } from '#api/envoy/config/listener/v3/listener_components_pb.ts'
import type { AdditionalAddressJson, ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../config/index.ts'
import {
  compileAccessLogs,
  compileTcpKeepalive,
  type DownstreamTransportSocketPlan,
  type ListenerFilterPlan,
  type NetworkFilterPlan,
  parseAddress,
  parseIp,
  type TcpKeepalive,
  withSocketOptions,
} from '../net/index.ts'
import { compileUdpListener } from './compile-udp-listener.ts'
import { compileFilterChainMatcher } from './filter-chain-match.ts'
import { compileFilterChainTree } from './filter-chain-tree.ts'
import { compileDisabledPredicate } from './listener-filter-predicate.ts'
import type { FilterChainPlan, ListenAddress, ListenerFilterEntry, ListenerPlan } from './listener-plan.ts'

const DEFAULT_BUFFER_LIMIT_BYTES = 1024 * 1024
const DEFAULT_LISTENER_FILTERS_TIMEOUT_MS = 15_000
const DEFAULT_BACKLOG = 128

/** Compiles envoy.config.listener.v3.Listener. The plan is of use only when no error was reported. */
export function compileListener(resource: ListenerJson, outside: CompileContext, path: ConfigPath): ListenerPlan {
  const trafficDirection = resource.trafficDirection ?? 'UNSPECIFIED'
  const context = { ...outside, trafficDirection }
  const addresses = compileAddresses(resource, context, path)
  const chains = resource.filterChains ?? []
  const first = addresses[0]?.address.toString() ?? ''
  const udp = compileUdpListener(resource, context, path)
  if (udp === null && chains.length === 0 && resource.defaultFilterChain === undefined) {
    context.diagnostics.error(path.field('filter_chains'), 'a listener needs at least one filter chain')
  }
  const chainsPath = path.field('filter_chains')
  checkChainNames(chains, context, chainsPath)
  const { filterChainMatcher: tree } = resource
  checkBalance(resource, context, path.field('connection_balance_config'))
  return Object.freeze({
    name: resource.name || first,
    metadata: resource.metadata?.filterMetadata ?? null,
    statName: resource.statPrefix || first.replaceAll(':', '_'),
    addresses,
    bindToPort: resource.bindToPort ?? resource.deprecatedV1?.bindToPort ?? true,
    reusePort: resource.enableReusePort ?? true,
    backlog: resource.tcpBacklogSize ?? DEFAULT_BACKLOG,
    bufferLimitBytes: resource.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_LIMIT_BYTES,
    filterChains: chains.map((chain, i) => compileFilterChain(chain, context, chainsPath.index(i))),
    defaultFilterChain:
      resource.defaultFilterChain === undefined
        ? null
        : compileFilterChain(resource.defaultFilterChain, context, path.field('default_filter_chain')),
    matcher: compileFilterChainMatcher(
      tree === undefined ? chains.map(chain => chain.filterChainMatch) : [],
      context.diagnostics,
      chainsPath,
    ),
    tree: tree === undefined ? null : compileFilterChainTree(tree, chains, context, path),
    udp,
    listenerFilters: udp !== null ? [] : compileListenerFilters(resource, context, path.field('listener_filters')),
    listenerFiltersTimeoutMs: durationMs(resource.listenerFiltersTimeout, DEFAULT_LISTENER_FILTERS_TIMEOUT_MS),
    continueOnListenerFiltersTimeout: resource.continueOnListenerFiltersTimeout ?? false,
    accessLogs: compileAccessLogs(resource.accessLog, context, path.field('access_log')),
    ignoreGlobalConnLimit: resource.ignoreGlobalConnLimit ?? false,
    trafficDirection,
    drainType: resource.drainType ?? 'DEFAULT',
  })
}

/** One worker has every connection as it is. */
function checkBalance({ connectionBalanceConfig }: ListenerJson, context: CompileContext, path: ConfigPath): void {
  if (connectionBalanceConfig?.exactBalance === undefined || (context.concurrency ?? 1) === 1) return
  context.diagnostics.error(
    path.field('exact_balance'),
    'connections are spread by the kernel (SO_REUSEPORT), and one that a worker has accepted cannot go to another',
    { expected: 'one worker (--concurrency 1), or no connection_balance_config' },
  )
}

function compileAddresses(resource: ListenerJson, context: CompileContext, path: ConfigPath): readonly ListenAddress[] {
  const found: ListenAddress[] = []
  const options = resource.socketOptions
  const keepalive = withSocketOptions(
    compileTcpKeepalive(resource.tcpKeepalive),
    options,
    context,
    path.field('socket_options'),
  )
  if (resource.address === undefined) {
    context.diagnostics.error(path.field('address'), 'a listener needs an address')
  } else addAddress(resource.address, keepalive, found, context, path.field('address'))
  resource.additionalAddresses?.forEach((additional, i) => {
    const own = path.field('additional_addresses').index(i)
    const at = own.field('address')
    if (additional.address === undefined) context.diagnostics.error(at, 'an additional address needs an address')
    else addAddress(additional.address, keepaliveOf(additional, resource, context, own), found, context, at)
  })
  return found
}

/** What an additional address says of itself stands in place of what the listener says. */
function keepaliveOf(
  { tcpKeepalive, socketOptions }: AdditionalAddressJson,
  listener: ListenerJson,
  context: CompileContext,
  path: ConfigPath,
): TcpKeepalive | null {
  const keepalive = compileTcpKeepalive(tcpKeepalive ?? listener.tcpKeepalive)
  const options = socketOptions === undefined ? listener.socketOptions : socketOptions.socketOptions
  return withSocketOptions(keepalive, options, context, path.field('socket_options').field('socket_options'))
}

function addAddress(
  json: AddressJson,
  keepalive: TcpKeepalive | null,
  into: ListenAddress[],
  context: CompileContext,
  path: ConfigPath,
): void {
  const { diagnostics } = context
  const address = parseAddress(json)
  if (address.kind === 'pipe') {
    const abstract = address.path.startsWith('@') || address.path.startsWith('\0')
    if (abstract)
      diagnostics.error(path.field('pipe').field('path'), 'abstract sockets are not offered: use a file path')
    if (Buffer.byteLength(address.path) > 107) {
      diagnostics.error(path.field('pipe').field('path'), 'is longer than the 107 bytes a socket path may have')
    }
  } else if (parseIp(address.host) === null) {
    diagnostics.error(path.field('socket_address').field('address'), 'a listener needs an IP address', {
      expected: 'an IPv4 or IPv6 address, such as 0.0.0.0 or ::1',
      found: address.host,
    })
  }
  if (into.some(known => known.address.toString() === address.toString() && address.port !== 0)) {
    diagnostics.error(path, `the listener names ${address} twice`)
  }
  into.push({ address, ipv6Only: address.host.includes(':'), keepalive })
}

function checkChainNames(chains: readonly FilterChainJson[], context: CompileContext, path: ConfigPath): void {
  const seen = new Set<string>()
  chains.forEach((chain, i) => {
    if (!chain.name) return
    if (seen.has(chain.name)) {
      context.diagnostics.error(
        path.index(i).field('name'),
        `the name ${chain.name} is used by an earlier filter chain`,
      )
    }
    seen.add(chain.name)
  })
}

function compileFilterChain(chain: FilterChainJson, context: CompileContext, path: ConfigPath): FilterChainPlan {
  return {
    name: chain.name ?? '',
    metadata: chain.metadata?.filterMetadata ?? null,
    filters: compileNetworkFilters(chain.filters ?? [], context, path.field('filters')),
    transportSocket: compileTransportSocket(chain, context, path.field('transport_socket')),
    transportSocketConnectTimeoutMs: durationMs(chain.transportSocketConnectTimeout, 0),
  }
}

function compileTransportSocket(
  { transportSocket }: FilterChainJson,
  context: CompileContext,
  path: ConfigPath,
): DownstreamTransportSocketPlan | null {
  if (transportSocket === undefined) return null
  const factory = context.extensions.find('envoy.transport_sockets.downstream', transportSocket, context, path)
  if (factory === undefined) return null
  const at = path.field('typed_config')
  return factory.compile(transportSocket.typedConfig!, context, at) as DownstreamTransportSocketPlan | null
}

function compileNetworkFilters(
  filters: readonly FilterJson[],
  context: CompileContext,
  path: ConfigPath,
): readonly NetworkFilterPlan[] {
  const plans: NetworkFilterPlan[] = []
  filters.forEach((filter, i) => {
    const at = path.index(i)
    const factory = context.extensions.find('envoy.filters.network', filter, context, at)
    if (factory === undefined) return
    const plan = factory.compile(filter.typedConfig!, context, at.field('typed_config')) as NetworkFilterPlan
    const last = i === filters.length - 1
    if (plan.terminal && !last) {
      context.diagnostics.error(at, `${filter.name} ends a filter chain, so nothing may come after it`)
    } else if (!plan.terminal && last) {
      context.diagnostics.error(at, `${filter.name} cannot be the last filter: nothing would answer the client`, {
        expected: 'a terminal filter at the end, such as envoy.filters.network.tcp_proxy',
      })
    }
    plans.push(plan)
  })
  return plans
}

function compileListenerFilters(
  resource: ListenerJson,
  context: CompileContext,
  path: ConfigPath,
): readonly ListenerFilterEntry[] {
  const entries: ListenerFilterEntry[] = []
  resource.listenerFilters?.forEach((filter, i) => {
    const at = path.index(i)
    const factory = context.extensions.find('envoy.filters.listener', filter, context, at)
    if (factory === undefined) return
    entries.push({
      plan: factory.compile(filter.typedConfig!, context, at.field('typed_config')) as ListenerFilterPlan,
      disabled: filter.filterDisabled === undefined ? null : compileDisabledPredicate(filter.filterDisabled),
    })
  })
  return entries
}
