import type { TapJson } from '#api/envoy/extensions/filters/http/tap/v3/tap_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import { type AttachedTap, type TapPoint, type ThreadContext, tapPoints } from '../../../net/index.ts'
import { log, type StatBlock } from '../../../observability/index.ts'
import { compileTapConfig, type TapPlan } from './tap-config.ts'
import { TAP_STATS, TapFilter } from './tap-filter.ts'
import type { TapDetails } from './tapper.ts'

export { compileTapConfig } from './tap-config.ts'

const API = 'envoy.extensions.filters.http.tap.v3'
const COMMON = 'envoy.extensions.common.tap.v3'
const NAME = 'envoy.filters.http.tap'
const logger = log('filter')

declareSupport(`${API}.Tap`, {
  supported: [
    'common_config',
    'record_headers_received_time',
    'record_downstream_connection',
    'record_upstream_connection',
  ],
})
declareSupport(`${COMMON}.CommonExtensionConfig`, { supported: ['admin_config', 'static_config'] })
declareSupport(`${COMMON}.AdminConfig`, { supported: ['config_id'] })

/** `static_config`: the same tap for ever. */
class StaticTap implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly plan: TapPlan | null
  private readonly details: TapDetails
  private stats!: StatBlock

  constructor(plan: TapPlan | null, details: TapDetails) {
    this.plan = plan
    this.details = details
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = thread.stats.block(`${statPrefix}tap.`, TAP_STATS)
  }

  create(): TapFilter {
    return new TapFilter(this.plan, this.details, this.stats)
  }
}

/** `admin_config`: a tap comes and goes with whoever asks the admin interface. */
class AdminTap implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly configId: string
  private readonly details: TapDetails
  private readonly context: CompileContext
  private readonly path: ConfigPath
  private stats!: StatBlock
  private point!: TapPoint
  private attached: AttachedTap | null = null
  private plan: TapPlan | null = null

  constructor(configId: string, details: TapDetails, context: CompileContext, path: ConfigPath) {
    this.configId = configId
    this.details = details
    this.context = context
    this.path = path
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = thread.stats.block(`${statPrefix}tap.`, TAP_STATS)
    this.point = tapPoints(thread).point(this.configId)
  }

  create(): TapFilter {
    const { current } = this.point
    if (current !== this.attached) this.attach(current)
    return new TapFilter(this.plan, this.details, this.stats)
  }

  private attach(tap: AttachedTap | null): void {
    this.attached = tap
    this.plan = null
    if (tap === null) return
    this.plan = compileTapConfig(tap.request.config, tap, this.context, this.path) ?? null
    if (this.plan === null) logger.error(`the tap of ${this.configId} does not compile`)
  }
}

/** envoy.filters.http.tap */
export const tapFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Tap`],
  compile: (config, context, path) => {
    const json = config as TapJson
    const details: TapDetails = Object.freeze({
      headersReceivedTime: json.recordHeadersReceivedTime === true,
      downstreamConnection: json.recordDownstreamConnection === true,
      upstreamConnection: json.recordUpstreamConnection === true,
    })
    const at = path.field('common_config')
    const { adminConfig, staticConfig = {} } = json.commonConfig ?? {}
    if (adminConfig !== undefined) return new AdminTap(adminConfig.configId ?? '', details, context, at)
    const plan = compileTapConfig(staticConfig, null, context, at.field('static_config')) ?? null
    return new StaticTap(plan, details)
  },
}
