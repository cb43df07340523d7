import type { JsonToMetadataJson } from '#api/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.ts'
import type { CompileContext, ConfigPath, ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { JsonToMetadataFilter, type JsonToMetadataShared } from './json-to-metadata.ts'
import { type BothRules, compileBothRules } from './rules.ts'
import { JSON_STATS } from './stats.ts'

const TYPE = 'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata'
const NAME = 'envoy.filters.http.json_to_metadata'

class JsonToMetadataPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly rules: BothRules
  private shared!: JsonToMetadataShared

  constructor(json: JsonToMetadataJson, context: CompileContext, path: ConfigPath) {
    this.rules = compileBothRules(json, context, path)
  }

  /** As Envoy, the stats are those of the process, not of the connection manager. */
  start(thread: ThreadContext): void {
    this.shared = {
      rules: this.rules,
      requestStats: thread.stats.block('json_to_metadata.rq.', JSON_STATS),
      responseStats: thread.stats.block('json_to_metadata.resp.', JSON_STATS),
    }
  }

  create(): JsonToMetadataFilter {
    return new JsonToMetadataFilter(this.shared)
  }
}

/** envoy.filters.http.json_to_metadata */
export const jsonToMetadataFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => new JsonToMetadataPlan(config as JsonToMetadataJson, context, path),
}

export const jsonToMetadataPerRouteFactory: ExtensionFactory<BothRules> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => compileBothRules(config as JsonToMetadataJson, context, path),
}
