// Layers of the runtime that a server brings (RTDS).
import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import {
  type CompileContext,
  ConfigPath,
  compileConfigSource,
  Diagnostics,
  type DiscoveredSet,
  declareSupport,
  type Refusal,
  type SubscriptionOwner,
  SubscriptionStats,
  type Subscriptions,
} from '../config/index.ts'
import type { StatStore } from '../observability/index.ts'
import type { Runtime } from './runtime.ts'
import { checkSourceFile } from './source-files.ts'

const TYPE = 'envoy.service.runtime.v3.Runtime'
const STAT_PREFIX = 'runtime.'

declareSupport('envoy.config.bootstrap.v3.RuntimeLayer.RtdsLayer', { supported: ['name', 'rtds_config'] })
declareSupport(TYPE, { supported: ['name', 'layer'] })

/** Whether the sources of layers can be asked at all. */
export function checkRuntimeSources({ layeredRuntime }: BootstrapJson, context: CompileContext): void {
  const layers = ConfigPath.root.field('layered_runtime').field('layers')
  for (const [i, { rtdsLayer }] of (layeredRuntime?.layers ?? []).entries()) {
    if (rtdsLayer === undefined) continue
    const path = layers.index(i).field('rtds_layer').field('rtds_config')
    const source = compileConfigSource(rtdsLayer.rtdsConfig, context, path)
    if (source !== null) checkSourceFile(source, context.diagnostics, path)
  }
}

export interface RuntimeServer {
  readonly runtime: Runtime
  readonly stats: StatStore
  readonly subscriptions: Subscriptions
}

/** Settles when every layer has come, or not in time. */
export async function startRuntimeDiscovery({ layeredRuntime }: BootstrapJson, server: RuntimeServer): Promise<void> {
  const context = { diagnostics: new Diagnostics() } as CompileContext
  await Promise.all(
    (layeredRuntime?.layers ?? []).map(({ name: layer = '', rtdsLayer }) => {
      const source = rtdsLayer && compileConfigSource(rtdsLayer.rtdsConfig, context, ConfigPath.root)
      if (source === undefined || source === null) return null
      const name = rtdsLayer?.name ?? ''
      const owner = new DiscoveredLayer(layer, name, server)
      return server.subscriptions
        .subscribe({ source, typeName: TYPE, names: [name], statPrefix: STAT_PREFIX, owner })
        .start()
    }),
  )
}

class DiscoveredLayer implements SubscriptionOwner {
  private readonly layer: string
  private readonly name: string
  private readonly runtime: Runtime
  private readonly stats: SubscriptionStats

  /** `layer`: its name in the bootstrap; `name`: what the server calls it. */
  constructor(layer: string, name: string, { runtime, stats }: RuntimeServer) {
    this.layer = layer
    this.name = name
    this.runtime = runtime
    this.stats = new SubscriptionStats(stats, STAT_PREFIX)
  }

  onResources({ resources, removed }: DiscoveredSet): Refusal {
    if (resources.length > 1) return `Unexpected RTDS resource length: ${resources.length}`
    const [found] = resources
    if (found === undefined) {
      if (removed?.includes(this.name) === true) this.runtime.setLayer(this.layer, {})
      return null
    }
    if (found.name !== this.name) return `Unexpected RTDS runtime (expecting ${this.name}): ${found.name}`
    this.runtime.setLayer(this.layer, (found.resource as { readonly layer?: object }).layer ?? {})
    return null
  }

  onAttempt(): void {
    this.stats.onAttempt()
  }

  onAccepted(version: string): void {
    this.stats.onAccepted(version)
  }

  onRejected(): void {
    this.stats.onRejected()
  }

  onFailure(): void {
    this.stats.onFailure()
  }

  onFetchTimeout(): void {
    this.stats.onFetchTimeout()
  }
}
