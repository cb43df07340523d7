// One worker's L4 data plane in this process: real listeners, real sockets, clusters as main would post them.
import { readFileSync } from 'node:fs'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { Clock, TimerWheel } from '../../../src/base/index.ts'
import {
  type CompileContext,
  ConfigPath,
  Diagnostics,
  ExtensionRegistry,
  runtimeSnapshot,
} from '../../../src/config/index.ts'
import { compileListener, ListenerManager, type ListenerPlan } from '../../../src/downstream/index.ts'
import { fileAccessLoggerFactory } from '../../../src/extensions/access-loggers/file/index.ts'
import { httpInspectorFactory } from '../../../src/extensions/listener-filters/http_inspector/index.ts'
import { proxyProtocolFactory } from '../../../src/extensions/listener-filters/proxy_protocol/index.ts'
import { tlsInspectorFactory } from '../../../src/extensions/listener-filters/tls_inspector/index.ts'
import { connectionLimitFactory } from '../../../src/extensions/network-filters/connection_limit/index.ts'
import { directResponseFactory } from '../../../src/extensions/network-filters/direct_response/index.ts'
import { echoFactory } from '../../../src/extensions/network-filters/echo/index.ts'
import { networkRbacFactory } from '../../../src/extensions/network-filters/rbac/index.ts'
import { tcpProxyFactory } from '../../../src/extensions/network-filters/tcp_proxy/index.ts'
import { udpProxyFactory } from '../../../src/extensions/udp-listener-filters/udp_proxy/index.ts'
import {
  ConnectionCounters,
  DrainState,
  finishLogFiles,
  OverloadState,
  SharedCells,
  ThreadBuffers,
} from '../../../src/net/index.ts'
import { StatStore, type StatTemplate } from '../../../src/observability/index.ts'
import { type AsyncClient, CLUSTER_STATS, ClusterManager, type UpstreamThread } from '../../../src/upstream/index.ts'
import { NO_REPORTS, TestMain } from '../../../src/upstream/testing.ts'

export interface L4Options {
  readonly clusters?: readonly ClusterJson[]
  readonly runtime?: object
  readonly drainTimeMs?: number
  readonly maxGlobalConnections?: number
}

export class L4Worker {
  readonly thread: UpstreamThread
  readonly listeners: ListenerManager
  /** What main would say to the worker. */
  readonly main: TestMain
  private readonly context: CompileContext

  constructor(options: L4Options = {}) {
    const extensions = new ExtensionRegistry()
    for (const factory of [
      echoFactory,
      directResponseFactory,
      connectionLimitFactory,
      networkRbacFactory,
      tcpProxyFactory,
      fileAccessLoggerFactory,
      httpInspectorFactory,
      tlsInspectorFactory,
      proxyProtocolFactory,
      udpProxyFactory,
    ]) {
      extensions.register(factory)
    }
    const runtime = { snapshot: runtimeSnapshot(options.runtime === undefined ? [] : [options.runtime]) }
    this.context = {
      diagnostics: new Diagnostics(),
      extensions,
      node: {},
      runtime: runtime.snapshot,
      hasCluster: () => true,
      readFile: path => readFileSync(path),
    }
    const clock = new Clock()
    const thread = {
      clock,
      timers: new TimerWheel(clock),
      stats: new StatStore(),
      buffers: new ThreadBuffers(),
      random: Math.random,
      drain: new DrainState(),
      overload: new OverloadState(),
      connectionCounters: new ConnectionCounters(ConnectionCounters.allocate(1), 1, 0),
      sharedCells: new SharedCells(SharedCells.allocate(4096)),
      runtime,
      node: {},
      workerIndex: 0,
      clusters: null as never as ClusterManager,
      asyncClient: null as never as AsyncClient,
    }
    thread.clusters = new ClusterManager(thread, this.context, () => {}, NO_REPORTS)
    this.thread = thread
    this.main = new TestMain(update => thread.clusters.apply(update))
    for (const cluster of options.clusters ?? []) this.main.addCluster(cluster)
    this.listeners = new ListenerManager({
      thread,
      drainTimeMs: options.drainTimeMs ?? 600_000,
      ...(options.maxGlobalConnections === undefined ? {} : { maxGlobalConnections: options.maxGlobalConnections }),
    })
  }

  compile(resource: ListenerJson): ListenerPlan {
    const plan = compileListener(resource, this.context, ConfigPath.root)
    const { list } = this.context.diagnostics
    const errors = list.filter(({ severity }) => severity === 'error')
    if (errors.length > 0) throw new Error(errors.map(({ path, message }) => `${path}: ${message}`).join('\n'))
    return plan
  }

  /** What is wrong with a listener, as 'path: message'. */
  errorsOf(resource: ListenerJson): string[] {
    const diagnostics = new Diagnostics()
    compileListener(resource, { ...this.context, diagnostics }, ConfigPath.root)
    return diagnostics.list.map(({ path, message }) => `${path}: ${message}`)
  }

  /** Adds or replaces a listener; returns the port of its first address. */
  async listen(resource: ListenerJson): Promise<number> {
    const plan = this.compile(resource)
    await this.listeners.apply(plan)
    return this.listeners.status().find(({ name }) => name === plan.name)?.addresses[0]?.port ?? 0
  }

  /** Value of a counter or gauge of a block that exists. */
  stat(prefix: string, template: StatTemplate, name: string): number {
    return this.thread.stats.block(prefix, template).cells[template.slot(name)]!
  }

  clusterStat(cluster: string, name: string): number {
    return this.stat(`cluster.${cluster}.`, CLUSTER_STATS, name)
  }

  flushLogs(): Promise<void> {
    return finishLogFiles(this.thread)
  }

  close(): void {
    this.listeners.stopAccepting()
    this.listeners.closeConnections()
  }
}

export const LOOPBACK = { socketAddress: { address: '127.0.0.1', portValue: 0 } }

const TYPE_URL = 'type.googleapis.com/'

export function typed(name: string, type: string, config: object = {}): { name: string; typedConfig: object } {
  return { name, typedConfig: { '@type': `${TYPE_URL}envoy.extensions.${type}`, ...config } }
}

export const tcpProxy = (config: object): { name: string; typedConfig: object } =>
  typed('tcp', 'filters.network.tcp_proxy.v3.TcpProxy', { statPrefix: 't', ...config })
export const echo = typed('echo', 'filters.network.echo.v3.Echo')
export const directResponse = (text: string): { name: string; typedConfig: object } =>
  typed('direct', 'filters.network.direct_response.v3.Config', { response: { inlineString: text } })

/** A listener on a port the system chooses, its only chain made of `filters`. */
export function listener(filters: readonly object[], more: object = {}): ListenerJson {
  return { name: 'l', address: LOOPBACK, filterChains: [{ filters: [...filters] }], ...more } as ListenerJson
}

export function staticCluster(name: string, ports: readonly number[], more: object = {}): ClusterJson {
  return {
    name,
    type: 'STATIC',
    connectTimeout: '1s',
    loadAssignment: {
      clusterName: name,
      endpoints: [
        {
          lbEndpoints: ports.map(portValue => ({
            endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue } } },
          })),
        },
      ],
    },
    ...more,
  } as ClusterJson
}
