// The tree that picks a policy: by what the request was and what the response is.
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import type { CompileContext, ConfigPath, TypedConfig } from '../../../config/index.ts'
import { EXCHANGE_INPUTS, exchangeInput, type MatchingData } from '../../../http/index.ts'
import { type MatcherTree, TreeCompiler } from '../../../net/index.ts'
import type { ResponsePolicy } from './policy.ts'

export type ResponseTree = MatcherTree<MatchingData, ResponsePolicy>

export function compileResponseTree(json: MatcherJson, context: CompileContext, path: ConfigPath): ResponseTree {
  const parts = {
    input: exchangeInput,
    inputNames: EXCHANGE_INPUTS,
    action: (action: object, at: ConfigPath): ResponsePolicy | undefined => {
      const config = action as TypedConfig
      const factory = context.extensions.find('envoy.http.custom_response', config, context, at)
      if (factory === undefined) return undefined
      return factory.compile(config.typedConfig as object, context, at.field('typed_config')) as ResponsePolicy
    },
  }
  return new TreeCompiler<MatchingData, ResponsePolicy>(parts, context).compile(json, path)
}
