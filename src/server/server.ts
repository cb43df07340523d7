import type { Worker } from 'node:worker_threads'
import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { atOnce, WatchedFiles } from '../base/index.ts'
import { type CompileContext, durationMs, type RuntimeSnapshot, runtimeSnapshot } from '../config/index.ts'
import {
  ConnectionCounters,
  finishLogFiles,
  NO_OVERLOAD,
  openLogFile,
  reopenLogFiles,
  SharedCells,
  setLogFlushInterval,
  type ThreadContext,
} from '../net/index.ts'
import {
  DEFAULT_STATS_SETTINGS,
  log,
  logLevels,
  renderStats,
  reopenLog,
  StatReader,
  StatStore,
  type StatsView,
} from '../observability/index.ts'
import { type AsyncClient, ClusterDirectory, type OutlierEventLog } from '../upstream/index.ts'
import type { DiscoverySubscriptions, LoadReporter } from '../xds/index.ts'
import { Admin } from './admin.ts'
import { AdminTap } from './admin-tap.ts'
import { ChangeApplier } from './apply-changes.ts'
import { compileContext, localClusterName } from './compile-context.ts'
import type { Configuration } from './configuration.ts'
import { Drain } from './drain.ts'
import { extensionRegistry } from './extensions.ts'
import { inheritedSockets } from './inherited-sockets.ts'
import { startLoadReports } from './load-reports.ts'
import { MainClusters } from './main-clusters.ts'
import { mainThread } from './main-thread.ts'
import type { ResourceUpdate, ToWorker, UpdateFailure, WorkerSettings } from './messages.ts'
import type { ServerOptions } from './options.ts'
import { OverloadManager } from './overload/overload-manager.ts'
import { type ResourceChange, ResourceStore } from './resource-store.ts'
import { Runtime } from './runtime.ts'
import { daysUntilFirstExpiry } from './secrets/certificate-status.ts'
import type { SecretHub } from './secrets/secret-hub.ts'
import { secretUpdates } from './secrets/worker-secrets.ts'
import { ServerDiscovery } from './server-discovery.ts'
import { type ServerState, ServerStats } from './server-stats.ts'
import { startResources } from './start-resources.ts'
import { startWorkers } from './start-workers.ts'
import { StatRemoval } from './stat-removal.ts'
import { makeSubscriptions } from './subscriptions.ts'
import { WorkerPool } from './worker-pool.ts'

const logger = log('main')
const DEFAULT_FLUSH_INTERVAL_MS = 5000
const WORKER_EXIT_TIMEOUT_MS = 2000
const MAIN = 'main'
/** The name under which the listeners of all workers count their connections. */
const ALL_LISTENERS = '(all listeners)'

/** The main thread's work: configuration, workers, stats, admin, drain. */
export class Server {
  readonly options: ServerOptions
  readonly concurrency: number
  readonly startedMs = performance.now()
  readonly reader = new StatReader()
  readonly stats: StatStore
  readonly clusters: ClusterDirectory
  readonly resources = new ResourceStore()
  readonly subscriptions: DiscoverySubscriptions
  readonly discovery: ServerDiscovery
  /** Resolves when the process may end. */
  readonly stopped: Promise<void>
  readonly pool: WorkerPool
  readonly tap: AdminTap
  configuration: Configuration | null = null
  runtime = new Runtime({}, '', () => {})
  state: ServerState = 'PRE_INITIALIZING'
  healthChecksFail = false
  private readonly serverStats: ServerStats
  private readonly counters: ConnectionCounters
  private readonly sharedCellsMemory = SharedCells.allocate()
  private readonly countersMemory: SharedArrayBuffer
  private readonly inherited = inheritedSockets(process.env, process.pid)
  private readonly drain: Drain
  private readonly resolveStopped: () => void
  private admin: Admin | null = null
  private overload: OverloadManager | null = null
  private flushTimer: NodeJS.Timeout | undefined
  private ending = false
  readonly changes: ChangeApplier
  private readonly statRemoval = new StatRemoval({
    inUse: () => this.statPrefixes(),
    forget: prefixes => {
      atOnce(this.stats.forgetting(prefixes))
      void this.pool.apply([{ kind: 'stats_removed', prefixes }])
    },
  })
  private mainClusters: MainClusters | null = null
  private loadReporter: LoadReporter | null = null
  private resumeClusters: (() => void) | null = null
  private readonly runtimeFiles = new WatchedFiles()
  private readonly runtimeView: { readonly snapshot: RuntimeSnapshot }
  private ownThread: ThreadContext | null = null

  /** `workers` wait for their settings; by default they are started here. */
  constructor(options: ServerOptions, workers: readonly Worker[] = startWorkers(options.concurrency)) {
    this.options = options
    this.concurrency = workers.length
    this.countersMemory = ConnectionCounters.allocate(this.concurrency)
    this.counters = new ConnectionCounters(this.countersMemory, this.concurrency, 0)
    this.stats = new StatStore(definitions => this.reader.define(MAIN, definitions))
    this.serverStats = new ServerStats(this.stats, this.concurrency, options.restartEpoch)
    // The runtime is read with the bootstrap, later than this.
    const currentRuntime = () => this.runtime.snapshot
    const runtime = {
      get snapshot() {
        return currentRuntime()
      },
    }
    this.subscriptions = makeSubscriptions({
      options,
      stats: this.stats,
      client: () => this.client(),
      configuration: () => this.configuration!,
      onUnknownField: () => this.serverStats.unknownDynamicField(),
    })
    this.clusters = new ClusterDirectory({
      subscriptions: this.subscriptions,
      workers: this.concurrency,
      stats: this.stats,
      onStatsLeft: prefix => this.statRemoval.note(prefix),
      runtime,
      publish: (...updates) => this.changes.publishClusters(updates),
      onActivated: name => this.resources.clusterActivated(name),
      onWarming: count => this.onWarmingClusters(count),
      thread: () => this.thread(),
      outlierLog: () => this.outlierLog(),
      count: name => this.counters.counter(name).total(),
    })
    this.discovery = new ServerDiscovery(this, {
      onRoutes: (update, version) => this.changes.publishRoutes(update, version),
      onStatsLeft: prefix => this.statRemoval.note(prefix),
    })
    this.changes = new ChangeApplier(() => ({
      pool: this.pool,
      clusters: this.clusters,
      resources: this.resources,
      serverStats: this.serverStats,
      concurrency: this.concurrency,
      routes: this.discovery.routes,
      secrets: this.configuration!.secrets,
      onClusterUpdates: updates => this.mainClusters?.apply(updates),
    }))
    this.runtimeView = runtime
    const { promise, resolve } = Promise.withResolvers<void>()
    this.stopped = promise
    this.resolveStopped = resolve
    this.pool = new WorkerPool(workers, {
      settings: index => this.workerSettings(index),
      catchUp: () => this.allUpdates(),
      onStats: (index, definitions) => this.reader.define(`worker_${index}`, definitions),
      onHostCells: ({ report }) => this.clusters.onHostCells(report),
      onTap: (index, message) => this.tap.onMessage(index, message),
      hosts: this.clusters,
      onDied: index => this.onWorkerDied(index),
    })
    this.tap = new AdminTap(this.pool, () => this.context())
    this.drain = new Drain(
      {
        post: message => this.pool.post(message),
        openConnections: () => this.counters.counter(ALL_LISTENERS).total(),
        whenIdle: () => this.pool.whenIdle(),
      },
      {
        delayMs: options.drainDelayMs,
        delayIsExact: options.drainDelayIsExact,
        totalMs: options.drainTimeMs,
        strategy: options.drainStrategy,
      },
    )
  }

  /** Main as a thread that has connections and log files of its own; made when something needs it. */
  thread(): ThreadContext {
    if (this.ownThread === null) {
      this.ownThread = mainThread(this.stats, this.configuration!.node, this.runtimeView)
      setLogFlushInterval(this.ownThread, this.options.fileFlushIntervalMs)
    }
    return this.ownThread
  }

  /** Main's own way to static clusters. */
  private client(): AsyncClient {
    this.mainClusters ??= new MainClusters(this.thread(), this.context(), this.clusters, name =>
      this.isPrimaryCluster(name),
    )
    return this.mainClusters.client
  }

  private isPrimaryCluster(name: string): boolean {
    return this.configuration!.primaryClusters.has(name)
  }

  /** As in Envoy, the server of clusters hears nothing more before those that it has sent are in use. */
  private onWarmingClusters(count: number): void {
    if (count === 0) {
      const resume = this.resumeClusters
      this.resumeClusters = null
      // Workers take things in the order in which they are told.
      if (resume !== null) void this.pool.apply([]).then(resume)
    } else if (this.state === 'LIVE') {
      this.resumeClusters ??= this.subscriptions.pause('envoy.config.cluster.v3.Cluster')
    }
  }

  /** cluster_manager.outlier_detection.event_log_path. */
  private outlierLog(): OutlierEventLog | null {
    const path = this.configuration?.bootstrap.clusterManager?.outlierDetection?.eventLogPath ?? ''
    if (path === '') return null
    try {
      const file = openLogFile(this.thread(), path)
      return { write: line => file.append(Buffer.from(line).toString('latin1')) }
    } catch (error) {
      // It was writable when the configuration was checked. Hosts are ejected without a log.
      logger.error(`cannot open the outlier event log ${path}`, { error: String(error) })
      return null
    }
  }

  private async finishLogs(): Promise<void> {
    if (this.ownThread !== null) await finishLogFiles(this.ownThread)
  }

  private workerSettings(workerIndex: number): WorkerSettings {
    const { logging, drainTimeMs, fileFlushIntervalMs } = this.options
    return {
      workerIndex,
      workers: this.concurrency,
      connectionCounters: this.countersMemory,
      sharedCells: this.sharedCellsMemory,
      logLevels: logLevels(),
      logging,
      drainTimeMs,
      fileFlushIntervalMs,
      inherited: this.inherited,
      node: this.configuration!.node,
      defaultTracer: this.configuration!.bootstrap.tracing?.http,
      runtimeLayers: this.runtime.values(),
      secrets: this.configuration!.secrets.snapshot(),
      secretSeed: this.configuration!.secrets.seed,
      healthChecksFail: this.healthChecksFail,
      overload: this.overload?.levels ?? NO_OVERLOAD,
      maxConnections: this.configuration!.overload.maxConnections,
      localClusterName: localClusterName(this.configuration!.bootstrap),
      tap: this.tap.request,
    }
  }

  /** Of what comes and goes. */
  private *statPrefixes(): Iterable<string> {
    yield* this.clusters.statPrefixes()
    yield* this.discovery.routes.statPrefixes()
    yield* this.secrets.statPrefixes()
  }

  get secrets(): SecretHub {
    return this.configuration!.secrets
  }

  private allUpdates(): readonly ResourceUpdate[] {
    return [...this.clusters.updates(), ...this.resources.updates()]
  }

  /** Brings everything up. Returns what went wrong, or null. */
  async start(configuration: Configuration): Promise<string | null> {
    const { bootstrap } = configuration
    // Plans are of use only while the cluster directory is filled; with many clusters they are large.
    this.configuration = { ...configuration, clusterPlans: [] }
    this.runtime = new Runtime(bootstrap, configuration.node.cluster ?? '', layers => this.onRuntimeChange(layers))
    this.noteRuntime()
    this.watchRuntime(bootstrap)
    configuration.secrets.start(this.stats, {
      onChanged: updates => void this.pool.apply(secretUpdates(updates)),
      onForgotten: keys => void this.pool.apply([{ kind: 'secrets_removed', keys }]),
      onStatsLeft: prefix => this.statRemoval.note(prefix),
    })
    this.overload = new OverloadManager(configuration.overload, this.stats, levels =>
      this.post({ type: 'overload', levels }),
    )
    this.pool.configure()
    this.state = 'INITIALIZING'
    const adminProblem = await this.startAdmin(configuration)
    if (adminProblem !== null) return adminProblem
    const problem = await startResources(configuration, this)
    if (problem !== null) return problem
    const { stats, clusters } = this
    const client = (): AsyncClient => this.client()
    this.loadReporter = startLoadReports(configuration, { stats, loads: clusters.loads, client })
    this.changes.goLive()
    this.state = this.healthChecksFail ? 'DRAINING' : 'LIVE'
    this.serverStats.started(performance.now() - this.startedMs)
    const interval = durationMs(bootstrap.statsFlushInterval, DEFAULT_FLUSH_INTERVAL_MS)
    this.flushTimer = setInterval(() => this.flushStats(), interval)
    logger.info('all listeners are up', {
      concurrency: this.concurrency,
      startMs: Math.round(performance.now() - this.startedMs),
    })
    return null
  }

  private async startAdmin(configuration: Configuration): Promise<string | null> {
    if (configuration.admin === null) return null
    try {
      this.admin = await Admin.start(configuration.admin, this)
      return null
    } catch (error) {
      return `admin interface: ${(error as Error).message}`
    }
  }

  private onRuntimeChange(layers: readonly object[]): void {
    this.noteRuntime()
    void this.pool.apply([{ kind: 'runtime', layers }])
  }

  private noteRuntime(): void {
    const { runtime } = this
    if (runtime.problem !== '') logger.warn('runtime files cannot be read', { reason: runtime.problem })
    const failed = runtime.problem !== ''
    this.serverStats.runtimeLoaded(runtime.values().length, runtime.keyCount, runtime.folderCount, failed)
  }

  /** Runtime files are read anew when the link above them is swapped. */
  private watchRuntime({ layeredRuntime }: BootstrapJson): void {
    const links = (layeredRuntime?.layers ?? []).flatMap(({ diskLayer }) => diskLayer?.symlinkRoot ?? [])
    if (links.length === 0) return
    for (const link of links) this.runtimeFiles.add(link)
    this.runtimeFiles.start(() => this.runtime.refresh())
  }

  context(extensions = extensionRegistry()): CompileContext {
    return compileContext({
      extensions,
      node: this.configuration!.node,
      defaultTracer: this.configuration!.bootstrap.tracing?.http,
      localClusterName: localClusterName(this.configuration!.bootstrap),
      runtime: runtimeSnapshot(this.runtime.values()),
      clusters: this.clusters,
      secrets: this.secrets.borrowed,
      concurrency: this.concurrency,
      discovery: {
        ads: this.configuration!.bootstrap.dynamicResources?.adsConfig !== undefined,
        isPrimaryCluster: name => this.isPrimaryCluster(name),
      },
    })
  }

  /** Applies resources that have passed every check, on all workers; what failed where. */
  applyChanges(changes: readonly ResourceChange[], isStatic: boolean): Promise<readonly UpdateFailure[]> {
    return this.changes.apply(changes, isStatic)
  }

  private onWorkerDied(index: number): void {
    this.serverStats.workerRestarted()
    this.pool.takeDefinitions()
    this.reader.detach(`worker_${index}`)
    this.counters.clearWorker(index)
    this.clusters.onWorkerGone(index)
    this.tap.onWorkerDied(index)
  }

  /** Brings main's own gauges up to date; histograms begin a new interval. */
  flushStats(): void {
    this.updateGauges()
    this.reader.flushHistograms()
  }

  /** What /stats prints. */
  renderStats(query: StatsView): Iterable<string> {
    this.updateGauges()
    return renderStats(this.reader, query, this.configuration?.statsSettings ?? DEFAULT_STATS_SETTINGS)
  }

  private updateGauges(): void {
    this.pool.takeDefinitions()
    this.clusters.refreshGauges()
    this.serverStats.update({
      state: this.state,
      uptimeS: (performance.now() - this.startedMs) / 1000,
      live: this.state === 'LIVE',
      totalConnections: this.counters.counter(ALL_LISTENERS).total(),
      ...this.listenerCounts(),
      daysUntilFirstCertExpiring:
        this.configuration === null ? null : daysUntilFirstExpiry(this.configuration.secrets, Date.now()),
    })
  }

  /** As in Envoy, before the server is live those that wait count as active. */
  private listenerCounts(): { readonly activeListeners: number; readonly warmingListeners: number } {
    const { listeners, warmingListeners } = this.resources
    return this.state === 'INITIALIZING'
      ? { activeListeners: listeners.size + warmingListeners.size, warmingListeners: 0 }
      : { activeListeners: listeners.size, warmingListeners: warmingListeners.size }
  }

  /** Ends before anything is served. */
  async abandon(): Promise<void> {
    this.overload?.stop()
    this.subscriptions.stop()
    this.loadReporter?.stop()
    this.mainClusters?.stop()
    this.runtimeFiles.stop()
    this.clusters.stop()
    await this.admin?.close()
    await this.finishLogs()
    await this.pool.stop(WORKER_EXIT_TIMEOUT_MS)
  }

  reopenLogs(): void {
    reopenLog()
    if (this.ownThread !== null) reopenLogFiles(this.ownThread)
    this.pool.post({ type: 'reopen_logs' })
  }

  /** `healthcheck/fail`: readiness is denied and clients are sent elsewhere, while everything goes on. */
  failHealthChecks(): void {
    this.healthChecksFail = true
    this.post({ type: 'health_checks', fail: true })
    if (this.state !== 'LIVE') return
    this.state = 'DRAINING'
    this.drain.announce()
  }

  okHealthChecks(): void {
    this.healthChecksFail = false
    this.post({ type: 'health_checks', fail: false })
    if (this.state !== 'DRAINING' || this.ending) return
    this.state = 'LIVE'
    this.drain.cancel()
  }

  /** `drain_listeners`: at once, or announced first. The process goes on. */
  drainListeners(options: {
    readonly inboundOnly: boolean
    readonly graceful: boolean
    readonly skipExit: boolean
  }): void {
    this.serverStats.listenerEvent('stopped')
    if (!options.graceful) this.post({ type: 'stop_accepting', inboundOnly: options.inboundOnly })
    else if (options.skipExit) this.drain.announce()
    else void this.drain.closeListeners(options.inboundOnly)
  }

  post(message: ToWorker): void {
    this.pool.post(message)
  }

  /** SIGTERM: drains, then ends. */
  shutDown(): void {
    if (this.ending) return
    this.ending = true
    this.state = 'DRAINING'
    logger.info('draining', { delayMs: this.options.drainDelayMs, atMostMs: this.options.drainTimeMs })
    void this.drain.finish().then(() => this.end())
  }

  /** `quitquitquit`: ends at once, cleanly. */
  quit(): void {
    this.ending = true
    void this.end()
  }

  private async end(): Promise<void> {
    clearInterval(this.flushTimer)
    this.overload?.stop()
    this.configuration?.secrets.stop()
    this.subscriptions.stop()
    this.loadReporter?.stop()
    this.mainClusters?.stop()
    this.runtimeFiles.stop()
    this.clusters.stop()
    await this.pool.stop(WORKER_EXIT_TIMEOUT_MS)
    await this.admin?.close()
    await this.finishLogs()
    logger.info('exiting')
    this.resolveStopped()
  }
}
