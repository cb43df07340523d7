import type { ConfigJson } from '#api/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { HeaderToMetadataFilter } from './header-to-metadata.ts'
import { compileRules, type RuleSet } from './rules.ts'

const TYPE = 'envoy.extensions.filters.http.header_to_metadata.v3.Config'
const NAME = 'envoy.filters.http.header_to_metadata'

/** envoy.filters.http.header_to_metadata */
export const headerToMetadataFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const rules = compileRules(config as ConfigJson, context, path)
    return { name: NAME, terminal: false, create: () => new HeaderToMetadataFilter(rules) }
  },
}

export const headerToMetadataPerRouteFactory: ExtensionFactory<RuleSet> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => compileRules(config as ConfigJson, context, path),
}
