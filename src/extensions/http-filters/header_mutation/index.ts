import type {
  HeaderMutationJson,
  HeaderMutationPerRouteJson,
} from '#api/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { HeaderMutationFilter } from './header-mutation.ts'
import { Mutations } from './mutations.ts'

const API = 'envoy.extensions.filters.http.header_mutation.v3'
const NAME = 'envoy.filters.http.header_mutation'

declareSupport(`${API}.HeaderMutation`, { supported: ['mutations', 'most_specific_header_mutations_wins'] })
declareSupport(`${API}.HeaderMutationPerRoute`, { supported: ['mutations'] })

/** envoy.filters.http.header_mutation */
export const headerMutationFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.HeaderMutation`],
  compile: (config, context, path) => {
    const { mutations = {}, mostSpecificHeaderMutationsWins = false } = config as HeaderMutationJson
    const settings = Object.freeze({
      own: new Mutations(mutations, context, path.field('mutations')),
      mostSpecificWins: mostSpecificHeaderMutationsWins,
    })
    return { name: NAME, terminal: false, create: () => new HeaderMutationFilter(settings) }
  },
}

export const headerMutationPerRouteFactory: ExtensionFactory<Mutations> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.HeaderMutationPerRoute`],
  compile: (config, context, path) =>
    new Mutations((config as HeaderMutationPerRouteJson).mutations ?? {}, context, path.field('mutations')),
}
