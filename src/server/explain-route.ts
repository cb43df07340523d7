// `outrider explain route` and /explain/route: a request is put to the listeners that would get it, without sending it.
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import type { HttpConnectionManagerJson } from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { RouteExplanation, RouteExplanations, RouteQuestion } from '../admin/index.ts'
import { type CompileContext, ConfigPath, type ConfigSourcePlan, type ExtensionRegistry } from '../config/index.ts'
import { compileListener, type FilterChainPlan, type ListenerPlan } from '../downstream/index.ts'
import { HeaderMap, HeaderName, HOST, headChanges, headFields } from '../http/index.ts'
import {
  admitRequest,
  allowsUpgrade,
  connectionManagerPlan,
  type HttpConnectionManagerPlan,
  isLeftOut,
  UPGRADE_REFUSED,
} from '../http-connection-manager/index.ts'
import { parseIp } from '../net/index.ts'
import { type ConnectionInfo, StreamInfo } from '../observability/index.ts'
import { type CompiledRouteTable, compileRouteConfiguration, explainRoute } from '../router/index.ts'
import { extensionRegistry } from './extensions.ts'
import { connectionManagers, listenerName } from './resource-store.ts'

export interface ExplainableConfiguration {
  readonly listeners: readonly ListenerJson[]
  /** The table that a source has brought, or that replaces one in a listener; undefined: none. */
  routeTable(name: string, source: string | null): RouteConfigurationJson | undefined
  context(extensions: ExtensionRegistry): CompileContext
}

interface Target {
  readonly scheme: 'http' | 'https'
  readonly authority: string
  /** 0: any. */
  readonly port: number
  readonly path: string
}

const URL_PARTS = /^(?:(https?):\/\/([^/?#]*))?([/?#*].*)?$/i
const PORT = /:(\d+)$/

/** null: no URL. What a browser would tidy up stays as it is: the proxy sees it so. */
function parseTarget(url: string): Target | null {
  const match = URL_PARTS.exec(url)
  if (match === null || (match[2] === undefined && match[3] === undefined)) return null
  const scheme = match[1]?.toLowerCase() === 'https' ? 'https' : 'http'
  const authority = match[2] ?? ''
  const port = PORT.exec(authority)?.[1]
  const rest = match[3] ?? '/'
  return {
    scheme,
    authority,
    port: port === undefined ? 0 : Number(port),
    path: rest.startsWith('?') ? `/${rest}` : rest,
  }
}

interface Compiled {
  readonly table: CompiledRouteTable
  readonly config: RouteConfigurationJson
  readonly path: ConfigPath
}

/** The listener compiled, with what its route tables were compiled from. */
function compile(listener: ListenerJson, at: ConfigPath, configuration: ExplainableConfiguration) {
  const tables = new Map<object, Compiled>()
  const compileRoutes = (
    config: object,
    context: CompileContext,
    path: ConfigPath,
    source?: ConfigSourcePlan,
  ): CompiledRouteTable => {
    const { name = '' } = config as RouteConfigurationJson
    const current = configuration.routeTable(name, source?.key ?? null) ?? (config as RouteConfigurationJson)
    const table = compileRouteConfiguration(current, context, path)
    tables.set(table, { table, config: current, path: source === undefined ? path : ConfigPath.root })
    return table
  }
  const context = configuration.context(extensionRegistry(compileRoutes))
  return { plan: compileListener(listener, context, at), tables, context }
}

function connectionOf(plan: ListenerPlan, question: RouteQuestion, target: Target, tls: boolean): ConnectionInfo {
  const remoteAddress = question.client.includes(':') ? `[${question.client}]:50000` : `${question.client}:50000`
  const localAddress = plan.addresses[0]?.address.toString() ?? ''
  const name = target.authority.replace(PORT, '')
  return {
    connectionId: 1,
    remoteAddress,
    directRemoteAddress: remoteAddress,
    localAddress,
    directLocalAddress: localAddress,
    requestedServerName: tls ? name : null,
    filterChainName: '',
    ssl: tls ? { ...NO_CERTIFICATES, sni: name } : null,
  }
}

const NO_CERTIFICATES = {
  version: 'TLSv1.3',
  cipher: '',
  group: '',
  sessionId: '',
  sni: '',
  alpn: '',
  sessionReused: false,
  peerCertificatePresented: false,
  peerCertificateValidated: false,
  peerCertificate: null,
  peerCertificateChain: [],
  peerIssuer: null,
  localCertificate: null,
}

/** Index of the filter chain that gets the connection; -1: the default one. */
function chainOf(plan: ListenerPlan, { scheme, authority }: Target, client: string): number {
  const { address } = plan.addresses[0] ?? {}
  const source = parseIp(client)
  return plan.matcher.find({
    destinationPort: address?.port ?? 0,
    destinationIp: address === undefined ? null : parseIp(address.host),
    serverName: scheme === 'https' ? authority.replace(PORT, '').toLowerCase() : null,
    transportProtocol: scheme === 'https' ? 'tls' : 'raw_buffer',
    applicationProtocols: [],
    directSourceIp: source,
    sourceIp: source,
    sourcePort: 50000,
  })
}

function headOf(question: RouteQuestion, target: Target): HeaderMap {
  const headers = new HeaderMap()
  headers.method = question.method
  headers.path = target.path
  if (target.authority !== '') headers.authority = target.authority
  for (const [name, value] of question.headers) {
    if (name.toLowerCase() === 'host') headers.authority = value
    else headers.append(HeaderName.of(name.toLowerCase()), value)
  }
  if (!headers.has(HOST)) headers.authority = 'localhost'
  headers.joinRepeated()
  return headers
}

function explainChain(
  question: RouteQuestion,
  target: Target,
  plan: ListenerPlan,
  chain: FilterChainPlan,
  manager: HttpConnectionManagerPlan,
  compiled: Compiled | undefined,
  suppressEnvoyHeaders: boolean,
  context: CompileContext,
): RouteExplanation {
  const connection = connectionOf(plan, question, target, chain.transportSocket !== null && target.scheme === 'https')
  const info = new StreamInfo(connection, performance.now())
  const headers = headOf(question, target)
  const sent = headFields(headers)
  const { answer, upgrade } = admitRequest(manager, compiled?.table ?? null, connection, headers, info)
  const prepared = headChanges(sent, headFields(headers))
  const { method, authority, path } = headers
  const shown = { listener: plan.name, filterChain: chain.name, request: { method, authority, path }, prepared }
  if (answer !== null || compiled === undefined) return { ...shown, refusal: answer, chain: [], outcome: null }
  const { outcome, route } = explainRoute({
    ...compiled,
    headers,
    info,
    random: question.random,
    context,
    suppressEnvoyHeaders,
  })
  const refused = upgrade !== null && route !== null && !allowsUpgrade(manager, route, upgrade)
  const filters = manager.filters.filter(filter => !filter.plan.terminal)
  return {
    ...shown,
    refusal: refused ? UPGRADE_REFUSED : null,
    chain: filters.map(filter => ({ name: filter.name, runs: !isLeftOut(filter, route) })),
    outcome,
  }
}

function suppresses(manager: HttpConnectionManagerJson | undefined): boolean {
  const router = manager?.httpFilters?.at(-1)?.typedConfig as { suppressEnvoyHeaders?: boolean } | undefined
  return router?.suppressEnvoyHeaders === true
}

function explainListener(
  listener: ListenerJson,
  at: ConfigPath,
  question: RouteQuestion,
  target: Target,
  configuration: ExplainableConfiguration,
): RouteExplanation | null {
  const { plan, tables, context } = compile(listener, at, configuration)
  const index = chainOf(plan, target, question.client)
  const chain = index < 0 ? plan.defaultFilterChain : plan.filterChains[index]
  if (chain === null || chain === undefined) return null
  for (const filter of chain.filters) {
    const manager = connectionManagerPlan(filter)
    if (manager === null) continue
    const json = index < 0 ? listener.defaultFilterChain : listener.filterChains?.[index]
    const [found] = connectionManagers({ filterChains: json === undefined ? [] : [json] }, ConfigPath.root)
    const compiled = manager.routes.current === null ? undefined : tables.get(manager.routes.current)
    return explainChain(question, target, plan, chain, manager, compiled, suppresses(found?.manager), context)
  }
  return null
}

/** What each listener that the request may reach makes of it. */
export function explainRequest(question: RouteQuestion, configuration: ExplainableConfiguration): RouteExplanations {
  const target = parseTarget(question.url)
  if (target === null) return { problem: `'${question.url}' is no URL: say http://host/path, or a path alone` }
  if (parseIp(question.client) === null) return { problem: `'${question.client}' is no IP address` }
  const indexed = configuration.listeners.map((listener, i) => ({ listener, i }))
  const named = indexed.filter(
    ({ listener }) => question.listener === '' || listenerName(listener) === question.listener,
  )
  if (named.length === 0) return { problem: `no listener is named '${question.listener}'` }
  const onPort = named.filter(({ listener }) => listener.address?.socketAddress?.portValue === target.port)
  const at = ConfigPath.root.field('static_resources').field('listeners')
  const explanations = (onPort.length > 0 ? onPort : named).flatMap(({ listener, i }) => {
    return explainListener(listener, at.index(i), question, target, configuration) ?? []
  })
  if (explanations.length > 0) return { explanations }
  return { problem: 'no listener has an HTTP connection manager for such a request' }
}
