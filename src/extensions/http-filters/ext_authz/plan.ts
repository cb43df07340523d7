import type {
  BufferSettingsJson,
  CheckSettingsJson,
  ExtAuthzJson,
  ExtAuthzPerRouteJson,
} from '#api/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileMetadataMatcher,
  type MetadataPredicate,
} from '../../../config/index.ts'
import { httpStatusCode } from '../../../http/index.ts'
import { RuntimeFraction, type ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { Cluster } from '../../../upstream/index.ts'
import type { CheckService } from './check.ts'
import { GrpcCheckService } from './grpc-check.ts'
import { HttpCheckService } from './http-check.ts'

export const EXT_AUTHZ_STATS = statTemplate({
  counters: ['ok', 'denied', 'error', 'disabled', 'failure_mode_allowed', 'invalid', 'shadow_denied', 'shadow_error'],
})

export const CLUSTER_AUTHZ_STATS = statTemplate({
  counters: ['ok', 'denied', 'error', 'failure_mode_allowed', 'invalid'],
})

export interface BodyPlan {
  readonly maxBytes: number
  readonly partial: boolean
  readonly asBytes: boolean
}

/** What a route does differently. */
export interface RoutePlan {
  readonly disabled: boolean
  readonly service: CheckService | null
  readonly contextExtensions: Readonly<Record<string, string>>
  /** Undefined: as the filter does; null: the body is not buffered. */
  readonly body: BodyPlan | null | undefined
}

const FORBIDDEN = 403

export class ExtAuthzPlan {
  readonly service: CheckService | null
  readonly body: BodyPlan | null
  readonly failureModeAllow: boolean
  readonly failureModeHeader: boolean
  readonly clearRouteCache: boolean
  readonly statusOnError: number
  readonly validateMutations: boolean
  readonly ingestsMetadata: boolean
  readonly maxDeniedBodyBytes: number
  readonly shadow: boolean
  readonly chargesCluster: boolean
  readonly statPrefix: string
  stats!: StatBlock
  private readonly byCluster = new WeakMap<Cluster, StatBlock>()
  private readonly enabled: RuntimeFraction | null
  private readonly enabledMetadata: MetadataPredicate | null
  private readonly denyKey: string
  private readonly denyByDefault: boolean

  constructor(json: ExtAuthzJson, context: CompileContext, path: ConfigPath) {
    this.service = compileService(json, json, context, path)
    this.body = json.withRequestBody === undefined ? null : bodyPlan(json.withRequestBody)
    this.failureModeAllow = json.failureModeAllow === true
    this.failureModeHeader = json.failureModeAllowHeaderAdd === true
    this.clearRouteCache = json.clearRouteCache === true
    this.statusOnError = httpStatusCode(json.statusOnError, FORBIDDEN)
    this.validateMutations = json.validateMutations === true
    this.ingestsMetadata = json.enableDynamicMetadataIngestion ?? true
    this.maxDeniedBodyBytes = json.maxDeniedResponseBodyBytes ?? 0
    this.shadow = json.shadowMode === true
    this.chargesCluster = json.chargeClusterResponseStats ?? true
    this.statPrefix = json.statPrefix === undefined || json.statPrefix === '' ? '' : `${json.statPrefix}.`
    this.enabled = json.filterEnabled === undefined ? null : new RuntimeFraction(json.filterEnabled)
    const at = path.field('filter_enabled_metadata')
    this.enabledMetadata =
      json.filterEnabledMetadata === undefined ? null : compileMetadataMatcher(json.filterEnabledMetadata, context, at)
    this.denyKey = json.denyAtDisable?.runtimeKey ?? ''
    this.denyByDefault = json.denyAtDisable?.defaultValue ?? false
  }

  start(thread: ThreadContext, prefix: string): void {
    this.stats = thread.stats.block(`${prefix}ext_authz.${this.statPrefix}`, EXT_AUTHZ_STATS)
    this.service?.prepare()
  }

  clusterStats(thread: ThreadContext, cluster: Cluster): StatBlock {
    let stats = this.byCluster.get(cluster)
    if (stats === undefined) {
      stats = thread.stats.block(`${cluster.stats.prefix}ext_authz.${this.statPrefix}`, CLUSTER_AUTHZ_STATS)
      this.byCluster.set(cluster, stats)
    }
    return stats
  }

  isEnabled(thread: ThreadContext, metadata: Parameters<MetadataPredicate>[0]): boolean {
    if (this.enabled !== null && !this.enabled.enabled(thread)) return false
    return this.enabledMetadata === null || this.enabledMetadata(metadata)
  }

  deniesWhenDisabled(thread: ThreadContext): boolean {
    return thread.runtime.snapshot.getBoolean(this.denyKey, this.denyByDefault)
  }
}

export function compileRoutePlan(json: ExtAuthzPerRouteJson, context: CompileContext, path: ConfigPath): RoutePlan {
  const settings: CheckSettingsJson = json.checkSettings ?? {}
  return {
    disabled: json.disabled === true,
    service: compileService(settings, {}, context, path.field('check_settings')),
    contextExtensions: settings.contextExtensions ?? {},
    body: routeBody(settings),
  }
}

function routeBody(settings: CheckSettingsJson): BodyPlan | null | undefined {
  if (settings.disableRequestBodyBuffering === true) return null
  return settings.withRequestBody === undefined ? undefined : bodyPlan(settings.withRequestBody)
}

function bodyPlan({ maxRequestBytes = 0, allowPartialMessage, packAsBytes }: BufferSettingsJson): BodyPlan {
  return { maxBytes: maxRequestBytes, partial: allowPartialMessage === true, asBytes: packAsBytes === true }
}

function compileService(
  json: Pick<ExtAuthzJson, 'grpcService' | 'httpService'>,
  filter: ExtAuthzJson,
  context: CompileContext,
  path: ConfigPath,
): CheckService | null {
  if (json.httpService !== undefined) {
    return new HttpCheckService(json.httpService, filter, context, path.field('http_service'))
  }
  if (json.grpcService === undefined) return null
  return new GrpcCheckService(json.grpcService, filter, context, path)
}
