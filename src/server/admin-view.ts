import type {
  AdminSources,
  ConfigDumpSource,
  DrainOptions,
  ListenerStatus,
  RouteExplanations,
  RouteQuestion,
  RuntimeStatus,
  ServerInfo,
  StatsQuery,
  TapAnswer,
} from '../admin/index.ts'
import { packageVersion } from '../base/index.ts'
import { schemaTable } from '../config/index.ts'
import { currentLogLevels, type LogLevel, setLogLevel } from '../observability/index.ts'
import { commandLineOptions } from './command-line-options.ts'
import { explainRequest } from './explain-route.ts'
import { routeTableKey } from './route-tables.ts'
import { certificateStatus } from './secrets/certificate-status.ts'
import type { Server } from './server.ts'

/** What the admin interface sees of a running server. */
export class AdminView implements AdminSources {
  readonly schema = schemaTable()
  readonly loggers = {
    list: () => [...currentLogLevels()].map(([name, level]) => ({ name, level })),
    set: (name: string | null, level: string) => setLogLevel(level as LogLevel, name ?? undefined),
  }
  private readonly server: Server
  private readonly loadedMs = Date.now()

  constructor(server: Server) {
    this.server = server
  }

  state() {
    return this.server.state
  }

  serverInfo(): ServerInfo {
    const uptimeS = (performance.now() - this.server.startedMs) / 1000
    return {
      version: `outrider/${packageVersion()}/Clean/RELEASE/node-${process.versions.node}`,
      uptimeCurrentEpochS: uptimeS,
      uptimeAllEpochsS: uptimeS,
      commandLineOptions: commandLineOptions(this.server.options, this.server.concurrency),
      node: this.server.configuration!.node,
    }
  }

  stats(query: StatsQuery): Iterable<string> {
    return this.server.renderStats(query)
  }

  resetCounters(): void {
    this.server.reader.resetCounters()
  }

  clusters() {
    return this.server.clusters.describe()
  }

  explainCluster(name: string) {
    const { node, bootstrap } = this.server.configuration!
    const { locality } = node
    const here =
      locality === undefined
        ? null
        : { region: locality.region ?? '', zone: locality.zone ?? '', subZone: locality.subZone ?? '' }
    return this.server.clusters.explain(name, here, bootstrap.clusterManager?.localClusterName || null)
  }

  explainRoute(question: RouteQuestion): RouteExplanations {
    const { server } = this
    return explainRequest(question, {
      listeners: [...server.resources.listenerResources()],
      routeTable: (name, source) => server.resources.routes.get(routeTableKey(name, source))?.resource,
      context: extensions => server.context(extensions),
    })
  }

  *listeners(): Iterable<ListenerStatus> {
    for (const { name, addresses } of this.server.pool.listeners()) {
      yield { name, addresses: addresses.map(text => ({ text, ip: ipOf(text) })) }
    }
  }

  configDump(): ConfigDumpSource {
    const { server, loadedMs } = this
    const dumped = (resource: object, lastUpdatedMs: number, isStatic: boolean, version = '', warming = false) => ({
      resource,
      lastUpdatedMs,
      versionInfo: isStatic ? null : version,
      phase: isStatic ? ('static' as const) : warming ? ('warming' as const) : ('active' as const),
    })
    return {
      bootstrap: { resource: server.configuration!.bootstrap, lastUpdatedMs: loadedMs },
      clustersVersion: server.discovery.clusters.version,
      listenersVersion: server.discovery.listeners.version,
      *clusters() {
        for (const { resource, lastUpdatedMs, isStatic, version } of server.resources.clusters.values()) {
          yield dumped(resource, lastUpdatedMs, isStatic, version)
        }
        for (const { resource, lastUpdatedMs, isStatic, version } of server.resources.warmingClusters.values()) {
          yield dumped(resource, lastUpdatedMs, isStatic, version, true)
        }
      },
      *listeners() {
        for (const { resource, lastUpdatedMs, isStatic, version } of server.resources.listeners.values()) {
          yield dumped(resource, lastUpdatedMs, isStatic, version)
        }
        for (const { resource, lastUpdatedMs, isStatic, version } of server.resources.warmingListeners.values()) {
          yield dumped(resource, lastUpdatedMs, isStatic, version, true)
        }
      },
      listenerErrors: () => server.resources.listenerErrors,
      *routes() {
        for (const { resource, lastUpdatedMs, isStatic, version } of server.resources.routeTables()) {
          yield dumped(resource, lastUpdatedMs, isStatic, version)
        }
      },
      *endpoints() {
        for (const { resource, lastUpdatedMs, isStatic } of server.resources.clusters.values()) {
          if (resource.loadAssignment !== undefined) yield dumped(resource.loadAssignment, lastUpdatedMs, isStatic)
        }
        for (const { assignment, addedViaApi } of server.clusters.discovered()) {
          yield dumped(assignment, loadedMs, !addedViaApi)
        }
      },
    }
  }

  initDump() {
    return this.server.state === 'INITIALIZING' ? [{ name: 'server', targets: ['clusters', 'listeners'] }] : []
  }

  certs() {
    return certificateStatus(this.server.configuration!.secrets)
  }

  runtime(): RuntimeStatus {
    return this.server.runtime.status()
  }

  modifyRuntime(values: ReadonlyMap<string, string>): boolean {
    return this.server.runtime.modify(values)
  }

  tap(text: string, gone: AbortSignal): Promise<TapAnswer> {
    return this.server.tap.attach(text, gone)
  }

  failHealthChecks(): void {
    this.server.failHealthChecks()
  }

  okHealthChecks(): void {
    this.server.okHealthChecks()
  }

  drainListeners(options: DrainOptions): void {
    this.server.drainListeners(options)
  }

  reopenLogs(): void {
    this.server.reopenLogs()
  }

  quit(): void {
    this.server.quit()
  }

  hotRestartVersion(): string {
    return 'disabled'
  }
}

/** '127.0.0.1:80' and '[::1]:80' are sockets, everything else is a path. */
function ipOf(address: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:/]+)):(\d+)$/.exec(address)
  return match === null ? null : { host: (match[1] ?? match[2])!, port: Number(match[3]) }
}
