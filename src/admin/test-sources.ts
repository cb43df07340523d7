import type { AdminPlan } from './admin-plan.ts'
import { AdminServer } from './admin-server.ts'
import type { RouteExplanation, RouteQuestion } from './explain-route-sources.ts'
import type { ClusterExplanation } from './explain-sources.ts'
import type { SchemaLookup } from './schema-json.ts'
import type { AdminSources, ClusterStatus, DumpedResource, HostStatus } from './sources.ts'
import type { StatsQuery } from './stats-query.ts'

// For the tests of this room: sources with fixed content, and a record of what was asked of the server.

/** A corner of the API, so that tests of this room need no generated schema. */
const MESSAGES: Readonly<Record<string, readonly (readonly [name: string, kind: string, typeName?: string])[]>> = {
  'envoy.admin.v3.ClustersConfigDump.StaticCluster': [
    ['cluster', 'any'],
    ['last_updated', 'timestamp'],
  ],
  'envoy.admin.v3.BootstrapConfigDump': [
    ['bootstrap', 'message', 'envoy.config.bootstrap.v3.Bootstrap'],
    ['last_updated', 'timestamp'],
  ],
  'envoy.config.bootstrap.v3.Bootstrap': [['node', 'message', 'envoy.config.core.v3.Node']],
  'envoy.config.core.v3.Node': [
    ['id', 'string'],
    ['cluster', 'string'],
    ['user_agent_name', 'string'],
    ['metadata', 'struct'],
  ],
  'envoy.config.cluster.v3.Cluster': [
    ['name', 'string'],
    ['type', 'enum'],
    ['connect_timeout', 'duration'],
    ['transport_socket', 'message', 'envoy.config.core.v3.TransportSocket'],
  ],
  'envoy.config.core.v3.TransportSocket': [
    ['name', 'string'],
    ['typed_config', 'any'],
  ],
  'envoy.extensions.transport_sockets.tls.v3.TlsCertificate': [
    ['private_key', 'message', 'envoy.config.core.v3.DataSource'],
    ['certificate_chain', 'message', 'envoy.config.core.v3.DataSource'],
  ],
  'envoy.config.core.v3.DataSource': [
    ['filename', 'string'],
    ['inline_bytes', 'bytes'],
    ['inline_string', 'string'],
  ],
}

export const testSchema: SchemaLookup = {
  message: typeName => {
    const rows = MESSAGES[typeName]
    if (rows === undefined) return undefined
    const fields = rows.map(([name, kind, type = '']) => ({ name, kind, typeName: type, repeated: false, mapKey: '' }))
    const jsonName = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
    return {
      byKey: new Map(fields.flatMap(field => [[field.name, field] as const, [jsonName(field.name), field] as const])),
    }
  },
}

const testExplanation: ClusterExplanation = {
  name: 'c1',
  policies: ['subset', 'round_robin'],
  panicThreshold: 50,
  priorities: [
    { priority: 0, hosts: 2, healthy: 1, degraded: 0, excluded: 0, healthyLoad: 70, degradedLoad: 0, panic: false },
  ],
  zoneRouting: { state: 'off', reason: 'cluster_too_small' },
  breakers: [{ priority: 'DEFAULT', limits: [{ name: 'max_connections', limit: 1024, used: 3 }] }],
  outliers: { hosts: 2, ejected: 1, maxEjectionPercent: 50 },
  hosts: [
    {
      address: '10.0.0.1:80',
      hostname: 'web',
      locality: { region: 'r', zone: 'z', subZone: '' },
      priority: 0,
      weight: 1,
      share: 0,
      reasons: ['it is not healthy'],
      flags: [{ flag: 'failed_outlier_check', sinceMs: Date.UTC(2026, 0, 1) }],
      healthySinceMs: null,
      ejection: {
        ejected: true,
        count: 2,
        type: 'SUCCESS_RATE',
        enforced: true,
        agoMs: 1500,
        returnsInMs: 58_500,
        detail: { eject_success_rate_event: { host_success_rate: 50 } },
      },
      successRate: 50,
      breakers: [{ priority: 'DEFAULT', limits: [{ name: 'max_connections', limit: 5, used: 2 }] }],
      latency: { ms: 12.34, volume: 99.9 },
    },
  ],
}

const testRouteExplanations: readonly RouteExplanation[] = [
  {
    listener: 'l1',
    filterChain: '',
    request: { method: 'GET', authority: 'svc.test', path: '/a' },
    prepared: [{ name: ':path', before: '//a', after: '/a' }],
    refusal: null,
    chain: [
      { name: 'cors', runs: true },
      { name: 'lua', runs: false },
    ],
    outcome: {
      routeConfiguration: 'edge',
      virtualHost: 'all',
      nearestDomain: null,
      route: null,
      kind: 'none',
      answer: null,
      action: null,
      headers: [],
      filters: [],
      nearest: [
        {
          index: 3,
          name: 'b',
          passed: 0,
          failed: { at: 'match.prefix', wanted: { prefix: '/b' }, found: '/a' },
        },
      ],
    },
  },
]

const HOST: HostStatus = {
  address: '127.0.0.1:33903',
  ip: { host: '127.0.0.1', port: 33903 },
  hostname: '',
  counters: { cx_connect_fail: 1, cx_total: 1, rq_error: 1, rq_success: 0, rq_timeout: 0, rq_total: 0 },
  gauges: { cx_active: 0, rq_active: 0, rq_pending_active: 0 },
  healthFlags: '',
  edsHealthStatus: 'HEALTHY',
  weight: 1,
  region: 'r',
  zone: 'z',
  subZone: '',
  canary: false,
  priority: 0,
  successRate: -1,
  localOriginSuccessRate: -1,
}

const LIMITS = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }

export const testCluster: ClusterStatus = {
  name: 'c',
  observabilityName: 'c',
  addedViaApi: false,
  edsServiceName: '',
  defaultPriority: LIMITS,
  highPriority: LIMITS,
  outlier: null,
  hosts: [HOST],
}

const UPDATED_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 6)

function dumped(resource: object): DumpedResource {
  return { resource, lastUpdatedMs: UPDATED_MS, versionInfo: null, phase: 'static' }
}

export class TestSources implements AdminSources {
  readonly schema = testSchema
  /** What was asked of the server, in order. */
  readonly calls: string[] = []
  serverState: ReturnType<AdminSources['state']> = 'LIVE'
  statLines: Iterable<string> = ['server.live: 1\n', 'server.uptime: 3\n']
  lastQuery: StatsQuery | null = null
  overrides: ReadonlyMap<string, string> | null = new Map()
  clusterResources: object[] = [{ name: 'c', type: 'STATIC', connectTimeout: '0.250s' }]
  private readonly levels = new Map([
    ['admin', 'info'],
    ['http', 'info'],
  ])

  readonly loggers = {
    list: () => Array.from(this.levels, ([name, level]) => ({ name, level })),
    set: (name: string | null, level: string) => {
      if (name !== null && !this.levels.has(name)) return false
      for (const key of name === null ? [...this.levels.keys()] : [name]) this.levels.set(key, level)
      return true
    },
  }

  state() {
    return this.serverState
  }
  serverInfo() {
    return {
      version: 'abc/0.1.0/Clean/RELEASE/OpenSSL',
      uptimeCurrentEpochS: 3.7,
      uptimeAllEpochsS: 3.7,
      commandLineOptions: { base_id: '0', concurrency: 1 },
      node: { id: 'nid', userAgentName: 'outrider', metadata: { someKey: 'v' } },
    }
  }
  stats(query: StatsQuery) {
    this.lastQuery = query
    return this.statLines
  }
  resetCounters() {
    this.calls.push('reset')
  }
  clusters() {
    return [testCluster]
  }
  explainCluster(name: string) {
    return name === 'c1' ? testExplanation : undefined
  }
  explainRoute(question: RouteQuestion) {
    this.calls.push(`explain ${JSON.stringify(question)}`)
    return question.url === '/nowhere' ? { problem: 'no listener' } : { explanations: testRouteExplanations }
  }
  listeners() {
    return [{ name: 'l1', addresses: [{ text: '127.0.0.1:33902', ip: { host: '127.0.0.1', port: 33902 } }] }]
  }
  configDump() {
    return {
      bootstrap: { resource: { node: { id: 'nid' } }, lastUpdatedMs: UPDATED_MS },
      clustersVersion: '',
      listenersVersion: '',
      clusters: () => this.clusterResources.map(dumped),
      listeners: () => [dumped({ name: 'l1' })],
      listenerErrors: () => new Map(),
      routes: () => [],
      endpoints: () => [dumped({ clusterName: 'c' })],
    }
  }
  initDump() {
    return []
  }
  certs() {
    return []
  }
  runtime() {
    return { layers: ['st', 'adm'], entries: [{ key: 'a', layerValues: ['1', ''], finalValue: '1' }] }
  }
  async tap(text: string) {
    if (text !== 'tap') return { problem: 'no tap' }
    async function* traces() {
      yield 'trace 1\n'
      yield 'trace 2\n'
    }
    return { traces: traces() }
  }

  modifyRuntime(values: ReadonlyMap<string, string>) {
    if (this.overrides === null) return false
    this.overrides = values
    return true
  }
  failHealthChecks() {
    this.serverState = 'DRAINING'
  }
  okHealthChecks() {
    this.serverState = 'LIVE'
  }
  drainListeners(options: object) {
    this.calls.push(`drain ${JSON.stringify(options)}`)
  }
  reopenLogs() {
    this.calls.push('reopen')
  }
  quit() {
    this.calls.push('quit')
  }
  hotRestartVersion() {
    return 'disabled'
  }
}

export function testPlan(changes: Partial<AdminPlan> = {}): AdminPlan {
  const address = { kind: 'ip', host: '127.0.0.1', port: 0, path: '', mode: 0 } as const
  return { address, profilePath: '', accessLogs: [], allows: () => true, ...changes }
}

/** A server on a free port, closed with the scope that holds it. */
export async function startAdmin(sources: AdminSources, plan = testPlan()) {
  const server = new AdminServer(plan, sources)
  const address = await server.listen()
  const get = (path: string, init: RequestInit = {}) => fetch(`http://${address}${path}`, init)
  const post = (path: string, init: RequestInit = {}) => get(path, { method: 'POST', ...init })
  return { address, get, post, [Symbol.asyncDispose]: () => server.close() }
}
