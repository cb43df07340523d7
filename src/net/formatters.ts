// Formatter extensions: operators beyond the built-in ones. Envoy has built most of them in since.
import './cel/support.ts'
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { CelJson } from '#api/envoy/extensions/formatter/cel/v3/cel_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../config/index.ts'
import { celOptions } from './cel/index.ts'

const API = 'envoy.extensions.formatter'
const CEL = `${API}.cel.v3.Cel`
const METADATA = `${API}.metadata.v3.Metadata`
const WITHOUT_QUERY = `${API}.req_without_query.v3.ReqWithoutQuery`
declareSupport(CEL, { supported: ['cel_config'] })
// Their operators are built in.
declareSupport(METADATA, { supported: [] })
declareSupport(WITHOUT_QUERY, { supported: [] })

/** What formats are compiled with where these formatters stand beside them. */
export function withFormatters(
  formatters: readonly TypedExtensionConfigJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): CompileContext {
  let within = context
  for (const [i, formatter] of (formatters ?? []).entries()) {
    const config = (formatter.typedConfig ?? {}) as { '@type'?: string }
    const type = typeName(config)
    if (type === CEL) within = { ...context, celOptions: celOptions((config as CelJson).celConfig) }
    else if (type !== METADATA && type !== WITHOUT_QUERY) {
      context.diagnostics.error(path.index(i).field('typed_config'), `no such formatter: ${type}`, {
        expected: `${CEL}, ${METADATA} or ${WITHOUT_QUERY}`,
        code: 'unknown-extension',
      })
    }
  }
  return within
}
