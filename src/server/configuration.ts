import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { NodeJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { type AdminPlan, compileAdmin } from '../admin/index.ts'
import {
  type CompileContext,
  type ConfigFile,
  ConfigPath,
  type ConfigSourcePlan,
  type ConfigSources,
  checkBootstrap,
  compileApiSource,
  compileConfigSource,
  type Diagnostic,
  Diagnostics,
  type LoadedBootstrap,
  loadBootstrap,
  renderDiagnostics,
  runtimeSnapshot,
} from '../config/index.ts'
import { compileListener } from '../downstream/index.ts'
import { whyNotWritable } from '../net/index.ts'
import type { StatsSettings } from '../observability/index.ts'
import { type ClusterPlan, compileCluster } from '../upstream/index.ts'
import { compileContext, localClusterName } from './compile-context.ts'
import { extensionRegistry } from './extensions.ts'
import { checkLoadReports } from './load-reports.ts'
import type { ServerOptions } from './options.ts'
import { compileOverload, type OverloadPlan } from './overload/overload-plan.ts'
import { runtimeLayers } from './runtime.ts'
import { checkRuntimeSources } from './runtime-discovery.ts'
import { SecretHub } from './secrets/secret-hub.ts'
import { checkClusterSource, checkListenerSources, checkRuntimeFolders, checkSourceFile } from './source-files.ts'
import { compileStatsConfig } from './stats-config.ts'

/** A configuration that has passed every check. */
export interface Configuration {
  readonly bootstrap: BootstrapJson
  /** bootstrap.node with the command line's overrides. */
  readonly node: NodeJson
  readonly admin: AdminPlan | null
  readonly statsSettings: StatsSettings
  /** Of static_resources.clusters, in that order. */
  readonly clusterPlans: readonly ClusterPlan[]
  /** Names of static clusters that find their hosts without xDS: servers of resources may be in them. */
  readonly primaryClusters: ReadonlySet<string>
  /** dynamic_resources.cds_config; null: none. */
  readonly cds: ConfigSourcePlan | null
  /** dynamic_resources.lds_config; null: none. */
  readonly lds: ConfigSourcePlan | null
  readonly overload: OverloadPlan
  readonly secrets: SecretHub
}

export interface ConfigurationOutcome {
  /** Absent when there is any error. */
  readonly configuration?: Configuration
  /** Findings, ready to print; '' when there are none. */
  readonly report: string
}

function readFiles(paths: readonly string[], diagnostics: Diagnostics): readonly ConfigFile[] {
  return paths.flatMap(path => {
    try {
      return [{ path, content: readFileSync(path) }]
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException
      const message = code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`
      diagnostics.list.push({ severity: 'error', path: '', message, file: path, code: 'unreadable' })
      return []
    }
  })
}

/** Reads and checks names, types, rules and support; what a file as such can show. */
export function readConfiguration(options: ServerOptions, checkSupport = true): LoadedBootstrap {
  const unreadable = new Diagnostics()
  const files = readFiles(options.configPaths, unreadable)
  const loaded = loadBootstrap({
    files,
    ...(options.configYaml === null ? {} : { yamlOverlay: options.configYaml }),
    options: { allowUnknownStaticFields: options.allowUnknownStaticFields, checkSupport },
  })
  if (!unreadable.failed) return loaded
  loaded.diagnostics.list.unshift(...unreadable.list)
  const { diagnostics, notes, sources } = loaded
  return { diagnostics, notes, sources }
}

function nodeOf({ node = {} }: BootstrapJson, options: ServerOptions): NodeJson {
  const { serviceNode, serviceCluster, serviceZone } = options
  return {
    ...node,
    ...(serviceNode === null ? {} : { id: serviceNode }),
    ...(serviceCluster === null ? {} : { cluster: serviceCluster }),
    ...(serviceZone === null ? {} : { locality: { ...node.locality, zone: serviceZone } }),
  }
}

/** Compiles everything once to find what only compiling shows; workers compile for themselves. */
function compileAll(
  bootstrap: BootstrapJson,
  context: CompileContext,
): Omit<Configuration, 'bootstrap' | 'node' | 'secrets' | 'primaryClusters'> {
  const { listeners = [], clusters = [] } = bootstrap.staticResources ?? {}
  const path = ConfigPath.root.field('static_resources')
  const [clustersPath, listenersPath] = [path.field('clusters'), path.field('listeners')]
  const clusterPlans = clusters.map((cluster, i) => {
    const plan = compileCluster(cluster, context, clustersPath.index(i))
    checkClusterSource(plan, context.diagnostics, clustersPath.index(i))
    return plan
  })
  checkOutlierLog(bootstrap, context)
  checkAds(bootstrap, context)
  checkLoadReports(bootstrap, context)
  listeners.forEach((listener, i) => {
    compileListener(listener, context, listenersPath.index(i))
    checkListenerSources(listener, context.diagnostics, listenersPath.index(i))
  })
  return {
    clusterPlans,
    cds: compileDynamicSource(bootstrap, 'cdsConfig', context),
    lds: compileDynamicSource(bootstrap, 'ldsConfig', context),
    admin: compileAdmin(bootstrap.admin, context, ConfigPath.root.field('admin')),
    overload: compileOverload(
      bootstrap.overloadManager,
      context.diagnostics,
      ConfigPath.root.field('overload_manager'),
    ),
    statsSettings: compileStatsConfig(bootstrap.statsConfig, context, ConfigPath.root.field('stats_config')),
  }
}

/** The file is opened when a cluster needs it, which is too late to complain. */
function checkOutlierLog({ clusterManager }: BootstrapJson, { diagnostics }: CompileContext): void {
  const file = clusterManager?.outlierDetection?.eventLogPath ?? ''
  const problem = file === '' ? null : whyNotWritable(file)
  if (problem === null) return
  const at = ConfigPath.root.field('cluster_manager').field('outlier_detection').field('event_log_path')
  diagnostics.error(at, `cannot write ${file}: ${problem}`, { code: 'unwritable' })
}

/** Where ADS is: checked here, used when somebody asks for resources over it. */
function checkAds({ dynamicResources }: BootstrapJson, context: CompileContext): void {
  const api = dynamicResources?.adsConfig
  if (api === undefined) return
  const path = ConfigPath.root.field('dynamic_resources').field('ads_config')
  if (compileApiSource(api, context, path) === 'rest') {
    context.diagnostics.error(path.field('api_type'), 'is a stream', { expected: 'GRPC or DELTA_GRPC', found: 'REST' })
  }
}

/** Where all clusters or all listeners come from besides static ones; null: from nowhere. */
function compileDynamicSource(
  { dynamicResources }: BootstrapJson,
  field: 'cdsConfig' | 'ldsConfig',
  context: CompileContext,
): ConfigSourcePlan | null {
  const json = dynamicResources?.[field]
  if (json === undefined) return null
  const path = ConfigPath.root.field('dynamic_resources').field(field === 'cdsConfig' ? 'cds_config' : 'lds_config')
  const source = compileConfigSource(json, context, path)
  if (source !== null) checkSourceFile(source, context.diagnostics, path)
  return source
}

/** EDS clusters over files need no server either. */
function isPrimary({ type, edsClusterConfig }: ClusterJson): boolean {
  const { edsConfig } = edsClusterConfig ?? {}
  return type !== 'EDS' || edsConfig?.path !== undefined || edsConfig?.pathConfigSource !== undefined
}

interface Diagnosis {
  /** Absent when there is any error. */
  readonly configuration?: Configuration
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: ConfigSources
}

/** Loads and judges the configuration that `options` name, all findings at once. */
export function diagnose(options: ServerOptions): Diagnosis {
  const { bootstrap, diagnostics, sources } = readConfiguration(options)
  if (bootstrap === undefined) return { diagnostics: diagnostics.list, sources }
  const node = nodeOf(bootstrap, options)
  const clusters = bootstrap.staticResources?.clusters ?? []
  const names = new Set(clusters.map(cluster => cluster.name ?? ''))
  const primaries = new Set(clusters.filter(isPrimary).map(cluster => cluster.name ?? ''))
  const secrets = new SecretHub(bootstrap.staticResources?.secrets ?? [])
  const context = compileContext({
    secrets,
    extensions: extensionRegistry(),
    node,
    defaultTracer: bootstrap.tracing?.http,
    localClusterName: localClusterName(bootstrap),
    runtime: runtimeSnapshot(runtimeLayers(bootstrap, node.cluster ?? '')),
    clusters: { has: name => names.has(name), names: () => names },
    diagnostics,
    concurrency: options.concurrency ?? availableParallelism(),
    discovery: {
      ads: bootstrap.dynamicResources?.adsConfig !== undefined,
      isPrimaryCluster: name => primaries.has(name),
    },
  })
  checkBootstrap(bootstrap, diagnostics)
  checkRuntimeFolders(bootstrap, diagnostics)
  checkRuntimeSources(bootstrap, context)
  const compiled = compileAll(bootstrap, context)
  const outcome = { diagnostics: diagnostics.list, sources }
  const configuration = { bootstrap, node, secrets, primaryClusters: primaries, ...compiled }
  return diagnostics.failed ? outcome : { ...outcome, configuration }
}

/** The configuration that `options` name, with its findings ready to print. */
export function loadConfiguration(options: ServerOptions): ConfigurationOutcome {
  const { configuration, diagnostics, sources } = diagnose(options)
  const report = renderDiagnostics(diagnostics, sources, options.findingsFormat)
  return configuration === undefined ? { report } : { configuration, report }
}

/** `outrider validate`: the same checks as a start, without starting. */
export function checkConfiguration(options: ServerOptions): { readonly valid: boolean; readonly report: string } {
  const { configuration, report } = loadConfiguration(options)
  return { valid: configuration !== undefined, report }
}
