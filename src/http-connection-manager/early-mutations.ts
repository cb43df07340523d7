import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { HeaderMutationJson } from '#api/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../config/index.ts'
import { compileMutationList, type HeaderMap, type MutationList } from '../http/index.ts'
import type { StreamInfo } from '../observability/index.ts'

const HEADER_MUTATION = 'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation'

declareSupport(HEADER_MUTATION, { supported: ['mutations'] })

/** early_header_mutation_extensions: one after the other. Null: there are none. */
export function compileEarlyMutations(
  extensions: readonly TypedExtensionConfigJson[],
  context: CompileContext,
  path: ConfigPath,
): readonly MutationList[] | null {
  const lists = extensions.map((extension, i) => {
    const at = path.field('early_header_mutation_extensions').index(i).field('typed_config')
    const type = typeName(extension.typedConfig ?? {})
    if (type !== HEADER_MUTATION) {
      context.diagnostics.error(at, `no early header mutation reads ${type}`, {
        expected: HEADER_MUTATION,
        found: type,
      })
    }
    const { mutations } = (extension.typedConfig ?? {}) as HeaderMutationJson
    return compileMutationList(mutations, context, at.field('mutations'))
  })
  if (lists.length === 0) return null
  return lists
}

export function mutateEarly(lists: readonly MutationList[], headers: HeaderMap, info: StreamInfo): void {
  const context = { requestHeaders: headers, responseHeaders: null, responseTrailers: null, info }
  for (const list of lists) list.apply(headers, context)
}
