// The Mutations message: what is changed where.
import type { MutationsJson } from '#api/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import { compileMutationList, type MutationList } from '../../../http/index.ts'
import { withFormatters } from '../../../net/index.ts'
import { compileQueryParameters, type QueryParameterMutations } from './query-parameters.ts'

declareSupport('envoy.extensions.filters.http.header_mutation.v3.Mutations', {
  supported: [
    'request_mutations',
    'query_parameter_mutations',
    'response_mutations',
    'response_trailers_mutations',
    'request_trailers_mutations',
    'formatters',
  ],
})

export class Mutations {
  readonly request: MutationList
  readonly query: QueryParameterMutations
  readonly response: MutationList
  readonly requestTrailers: MutationList
  readonly responseTrailers: MutationList

  constructor(json: MutationsJson, outside: CompileContext, path: ConfigPath) {
    const context = withFormatters(json.formatters, outside, path.field('formatters'))
    this.request = compileMutationList(json.requestMutations, context, path.field('request_mutations'))
    this.query = compileQueryParameters(json.queryParameterMutations, context, path.field('query_parameter_mutations'))
    this.response = compileMutationList(json.responseMutations, context, path.field('response_mutations'))
    this.requestTrailers = compileMutationList(
      json.requestTrailersMutations,
      context,
      path.field('request_trailers_mutations'),
    )
    this.responseTrailers = compileMutationList(
      json.responseTrailersMutations,
      context,
      path.field('response_trailers_mutations'),
    )
    Object.freeze(this)
  }
}
