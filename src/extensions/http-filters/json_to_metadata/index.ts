import type { JsonToMetadataJson } from '#api/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.ts'
import type { CompileContext, ConfigPath, ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { JsonToMetadataFilter, type JsonToMetadataShared } from './json-to-metadata.ts'
import { compileMatchRules, type MatchRules } from './rules.ts'
import { JSON_STATS } from './stats.ts'

const TYPE = 'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata'
const NAME = 'envoy.filters.http.json_to_metadata'

class JsonToMetadataPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly request: MatchRules | null
  private readonly response: MatchRules | null
  private shared!: JsonToMetadataShared

  constructor(json: JsonToMetadataJson, context: CompileContext, path: ConfigPath) {
    this.request = compileMatchRules(json.requestRules, context, path.field('request_rules'))
    this.response = compileMatchRules(json.responseRules, context, path.field('response_rules'))
    if (this.request === null && this.response === null) {
      context.diagnostics.error(path, 'this filter does nothing', { expected: 'request_rules, response_rules or both' })
    }
  }

  /** As Envoy, the stats are those of the process, not of the connection manager. */
  start(thread: ThreadContext): void {
    this.shared = {
      request: this.request,
      response: this.response,
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
