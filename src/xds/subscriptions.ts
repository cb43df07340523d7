// Whoever needs resources comes here; where they come from, its source says.
import type { ApiConfigSourceJson } from '#api/envoy/config/core/v3/config_source_pb.ts'
import type { ApiSourcePlan, Subscription, SubscriptionRequest, Subscriptions } from '../config/index.ts'
import type { StatStore } from '../observability/index.ts'
import { streamPlan } from './api-source.ts'
import { ControlPlaneStats } from './control-plane-stats.ts'
import { DeltaMux } from './delta-mux.ts'
import type { FileSubscriptions } from './file-subscriptions.ts'
import type { MuxEnvironment } from './mux.ts'
import { adsMethod, methodOf } from './resource-types.ts'
import { RestSubscription } from './rest-subscription.ts'
import { SotwMux } from './sotw-mux.ts'

export interface DiscoverySubscriptionsOptions {
  readonly files: FileSubscriptions
  readonly stats: StatStore
  readonly environment: MuxEnvironment
  /** dynamic_resources.ads_config; undefined: none. */
  readonly ads: () => ApiConfigSourceJson | undefined
}

export class DiscoverySubscriptions implements Subscriptions {
  private readonly options: DiscoverySubscriptionsOptions
  private ads: SotwMux | DeltaMux | null = null
  /** Those that share nothing. */
  private readonly alone = new Set<{ stop(): void }>()

  constructor(options: DiscoverySubscriptionsOptions) {
    this.options = options
  }

  subscribe(request: SubscriptionRequest): Subscription {
    const { source } = request
    if (source.kind === 'file') return this.options.files.subscribe(request, source)
    if (source.kind === 'ads') return this.aggregated().subscribe(request)
    return source.kind === 'rest' ? this.restOf(request, source) : this.streamOf(request, source)
  }

  private aggregated(): SotwMux | DeltaMux {
    if (this.ads === null) {
      const api = this.options.ads()
      if (api === undefined) throw new Error('there is no ads_config, which was checked before')
      this.ads = this.mux(api, adsMethod(api.apiType === 'DELTA_GRPC'), '')
    }
    return this.ads
  }

  private streamOf(request: SubscriptionRequest, { kind, api }: ApiSourcePlan): Subscription {
    const mux = this.mux(api, methodOf(request.typeName, kind === 'delta_grpc'), request.statPrefix)
    this.alone.add(mux)
    const subscription = mux.subscribe(request)
    return {
      start: () => subscription.start(),
      stop: () => {
        subscription.stop()
        mux.stop()
        this.alone.delete(mux)
      },
    }
  }

  private restOf(request: SubscriptionRequest, source: ApiSourcePlan): Subscription {
    const subscription = new RestSubscription(request, source, this.options.environment)
    this.alone.add(subscription)
    return {
      start: () => subscription.start(),
      stop: () => {
        subscription.stop()
        this.alone.delete(subscription)
      },
    }
  }

  private mux(api: ApiConfigSourceJson, method: string, statPrefix: string): SotwMux | DeltaMux {
    const { stats, environment } = this.options
    const Form = api.apiType === 'DELTA_GRPC' ? DeltaMux : SotwMux
    const nodeOnce = api.setNodeOnFirstMessageOnly === true
    return new Form(environment, streamPlan(api, method), nodeOnce, new ControlPlaneStats(stats, statPrefix))
  }

  /** Holds back what would be said of a type over ADS, until the function is called that comes back. */
  pause(typeName: string): () => void {
    return this.ads === null ? () => {} : this.ads.pause(typeName)
  }

  stop(): void {
    this.options.files.stop()
    this.ads?.stop()
    for (const one of this.alone) one.stop()
  }
}
