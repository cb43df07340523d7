import type { ConfigJson } from '#api/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts'
import type { CompileContext, ConfigPath, ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { HeaderToMetadataFilter } from './header-to-metadata.ts'
import { compileRules, type RuleSet } from './rules.ts'
import { HEADER_STATS } from './stats.ts'

const TYPE = 'envoy.extensions.filters.http.header_to_metadata.v3.Config'
const NAME = 'envoy.filters.http.header_to_metadata'

class HeaderToMetadataPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly rules: RuleSet
  private readonly statPrefix: string
  private stats: StatBlock | null = null

  constructor(json: ConfigJson, context: CompileContext, path: ConfigPath) {
    this.rules = compileRules(json, context, path)
    this.statPrefix = json.statPrefix ?? ''
  }

  /** As Envoy: no stats without a prefix, and the same ones in every connection manager. */
  start(thread: ThreadContext): void {
    if (this.statPrefix !== '') this.stats = thread.stats.block(`http_filter_name.${this.statPrefix}.`, HEADER_STATS)
  }

  create(): HeaderToMetadataFilter {
    return new HeaderToMetadataFilter(this.rules, this.stats)
  }
}

/** envoy.filters.http.header_to_metadata */
export const headerToMetadataFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => new HeaderToMetadataPlan(config as ConfigJson, context, path),
}

export const headerToMetadataPerRouteFactory: ExtensionFactory<RuleSet> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => compileRules(config as ConfigJson, context, path),
}
