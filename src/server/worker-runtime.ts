import { atOnce, inSlices, type Steps } from '../base/index.ts'
import { type CompileContext, ConfigPath, currentRuntime, Diagnostics, runtimeSnapshot } from '../config/index.ts'
import { compileListener, ListenerManager } from '../downstream/index.ts'
import {
  finishLogFiles,
  reopenLogFiles,
  setLogFlushInterval,
  type TapRequest,
  type ThreadContext,
  tapPoints,
} from '../net/index.ts'
import { configureLogging, reopenLog, type StatPrefixes } from '../observability/index.ts'
import { compileRouteConfiguration, RouterAsyncClient } from '../router/index.ts'
import { ClusterManager, type UpstreamThread } from '../upstream/index.ts'
import { compileContext } from './compile-context.ts'
import { extensionRegistry } from './extensions.ts'
import { inheritedDescriptor } from './inherited-sockets.ts'
import { loggingSettings } from './logging.ts'
import type {
  FromWorker,
  ListenerUpdate,
  ResourceUpdate,
  RouteUpdate,
  ToWorker,
  UpdateFailure,
  WorkerSettings,
} from './messages.ts'
import { listenerName } from './resource-store.ts'
import { RouteTables } from './route-tables.ts'
import { WorkerSecrets } from './secrets/worker-secrets.ts'
import { workerThread } from './worker-thread.ts'

/** One worker: applies what main posts, and otherwise serves traffic on its own. */
export class WorkerRuntime {
  private readonly thread: ThreadContext
  private readonly clusters: ClusterManager
  private readonly listeners: ListenerManager
  private readonly routes = new RouteTables(compileRouteConfiguration)
  private readonly context: CompileContext
  private readonly secrets: WorkerSecrets
  private readonly send: (message: FromWorker) => void
  /** Stats of what was removed; null: none are being looked for. */
  private forgetting: Steps | null = null

  constructor(settings: WorkerSettings, send: (message: FromWorker) => void) {
    this.send = send
    configureLogging({
      ...loggingSettings(settings.logging),
      levels: settings.logLevels,
      threadName: `worker_${settings.workerIndex}`,
    })
    const shared = workerThread(settings, definitions => send({ type: 'stats', definitions }))
    this.secrets = new WorkerSecrets(settings.secrets, settings.secretSeed)
    this.context = compileContext({
      secrets: this.secrets,
      concurrency: settings.workers,
      extensions: extensionRegistry((config, context, path, source) =>
        this.routes.compile(config, context, path, source),
      ),
      node: settings.node,
      defaultTracer: settings.defaultTracer,
      localClusterName: settings.localClusterName,
      runtime: currentRuntime(shared.runtime),
      clusters: { has: name => this.clusters.has(name), names: () => this.clusters.names() },
    })
    this.clusters = new ClusterManager(
      shared,
      this.context,
      report => send({ type: 'host_cells', report }),
      {
        onHostEvent: event => send({ type: 'host_event', event }),
        onOutlierCells: report => send({ type: 'outlier_cells', report }),
        onDnsCacheRequest: request => send({ type: 'dns_cache_request', request }),
      },
      settings.localClusterName,
    )
    // The filters of this thread find its clusters on its context.
    const withClusters = Object.assign(shared, { clusters: this.clusters })
    const thread: UpstreamThread = Object.assign(withClusters, { asyncClient: new RouterAsyncClient(withClusters) })
    this.thread = thread
    thread.drain.healthChecksFail = settings.healthChecksFail
    thread.overload.levels = settings.overload
    setLogFlushInterval(thread, settings.fileFlushIntervalMs)
    if (settings.tap !== null) this.attachTap(settings.tap)
    this.listeners = new ListenerManager({
      thread,
      drainTimeMs: settings.drainTimeMs,
      maxGlobalConnections: settings.maxConnections,
      inherited: inheritedDescriptor(settings.inherited, settings.workerIndex),
    })
  }

  async handle(message: Exclude<ToWorker, { type: 'configure' }>): Promise<void> {
    switch (message.type) {
      case 'apply':
        await this.apply(message.id, message.updates)
        break
      case 'drain':
        this.drain(message.closeProbability)
        break
      case 'health_checks':
        this.thread.drain.healthChecksFail = message.fail
        break
      case 'overload':
        this.thread.overload.levels = message.levels
        break
      case 'stop_accepting':
        this.listeners.stopAccepting(plan => !message.inboundOnly || plan.trafficDirection === 'INBOUND')
        this.listeners.whenIdle(() => this.send({ type: 'idle' }))
        break
      case 'close_idle':
        this.listeners.closeIdle()
        break
      case 'reopen_logs':
        reopenLog()
        reopenLogFiles(this.thread)
        break
      case 'tap_attach':
        this.attachTap(message.request)
        break
      case 'tap_detach':
        tapPoints(this.thread).detach()
        break
      case 'tap_taken':
        tapPoints(this.thread).onTaken(message.id, message.length)
        break
      case 'exit':
        // What is still under way ends here, so that logs tell of it.
        this.listeners.stopAccepting()
        this.listeners.closeConnections()
        await finishLogFiles(this.thread)
        process.exit(0)
    }
  }

  private attachTap(request: TapRequest): void {
    const { id } = request
    const found = tapPoints(this.thread).attach(request, text => this.send({ type: 'tap_trace', id, text }))
    this.send({ type: 'tap_attached', id, found })
  }

  private drain(closeProbability: number | null): void {
    const { drain } = this.thread
    if (closeProbability === null) {
      drain.cancel()
      return
    }
    drain.closeProbability = closeProbability
    drain.begin()
  }

  private async apply(id: number, updates: readonly ResourceUpdate[]): Promise<void> {
    const failures: UpdateFailure[] = []
    for (const update of updates) {
      try {
        await this.applyOne(update)
      } catch (error) {
        // The last good state stands; main decides what a failure means.
        failures.push({ name: 'name' in update ? update.name : update.kind, message: (error as Error).message })
      }
    }
    this.send({ type: 'applied', id, failures, listeners: this.bound() })
  }

  private applyOne(update: ResourceUpdate): Promise<void> | undefined {
    // What is being forgotten may come back with this.
    this.finishForgetting()
    switch (update.kind) {
      case 'listener':
        return this.applyListener(update)
      case 'listener_removed':
        return this.listeners.remove(update.name)
      case 'route_configuration':
        this.applyRoutes(update)
        return undefined
      case 'route_configuration_removed':
        this.routes.forget(update.name, update.source)
        return undefined
      case 'secret':
        this.secrets.apply(update)
        return undefined
      case 'stats_removed':
        this.forgetStats(update.prefixes)
        return undefined
      case 'secrets_removed':
        this.secrets.forget(update.keys)
        return undefined
      case 'runtime':
        this.thread.runtime.snapshot = runtimeSnapshot(update.layers)
        return undefined
      default:
        return this.clusters.apply(update)
    }
  }

  /** In slices: with 10,000 clusters there are many stats to look through. */
  private forgetStats(prefixes: StatPrefixes): void {
    const steps = this.thread.stats.forgetting(prefixes)
    this.forgetting = steps
    inSlices(
      steps,
      () => this.forgetting === steps,
      () => {
        this.forgetting = null
      },
    )
  }

  private finishForgetting(): void {
    if (this.forgetting === null) return
    atOnce(this.forgetting)
    this.forgetting = null
  }

  private applyListener({ resource }: ListenerUpdate & { kind: 'listener' }): Promise<void> {
    const name = `listener ${listenerName(resource)}`
    return this.listeners.apply(this.compile(name, context => compileListener(resource, context, ConfigPath.root)))
  }

  private applyRoutes({ name, source, resource }: RouteUpdate): void {
    const table = this.compile(`routes ${name}`, context =>
      compileRouteConfiguration(resource, context, ConfigPath.root),
    )
    this.routes.replace(name, source, table)
  }

  /** Main has compiled the same resource, so what fails here is a file that went away or a cluster just removed. */
  private compile<Plan>(name: string, compile: (context: CompileContext) => Plan): Plan {
    const diagnostics = new Diagnostics()
    const plan = compile({ ...this.context, resource: name, checked: true, diagnostics })
    if (!diagnostics.failed) return plan
    throw new Error(diagnostics.list.map(({ path, message }) => `${path}: ${message}`).join('; '))
  }

  private bound() {
    return this.listeners.status().map(({ name, addresses }) => ({ name, addresses: addresses.map(String) }))
  }
}
