import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { type CompileContext, type ConfigPath, type ExtensionFactory, typeName } from '../../config/index.ts'

/** Extensions that have something to say on clusters: what their entry of typed_extension_protocol_options compiles to. */
const CATEGORY = 'envoy.protocol_options'

export function protocolOptionsFactory(type: string, context: CompileContext): ExtensionFactory | undefined {
  return context.extensions.factories(CATEGORY).find(({ typeNames }) => typeNames.includes(type))
}

/** By the name of the extension. */
export function compileExtensionOptions(
  cluster: ClusterJson,
  context: CompileContext,
  path: ConfigPath,
): ReadonlyMap<string, unknown> {
  const options = new Map<string, unknown>()
  for (const [name, any] of Object.entries(cluster.typedExtensionProtocolOptions ?? {})) {
    const factory = protocolOptionsFactory(typeName(any as { '@type'?: string }), context)
    if (factory === undefined) continue
    const at = path.field('typed_extension_protocol_options').field(name)
    if (name === factory.name) options.set(name, factory.compile(any as object, context, at))
    else context.diagnostics.error(at, 'these options are looked for under another name', { expected: factory.name })
  }
  return options
}
