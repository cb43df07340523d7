// Path templates: extensions/path/rewrite/uri_template.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { UriTemplateRewriteConfigJson } from '#api/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import { isPathPolicy, URI_TEMPLATE_MATCH, type UriTemplate } from '../../http/index.ts'

const REWRITE = 'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig'
declareSupport(REWRITE, { supported: ['path_template_rewrite'] })

/** `template`: that of the route's match, which names the variables. */
export function compileUriTemplateRewrite(
  policy: TypedExtensionConfigJson,
  template: UriTemplate | null,
  context: CompileContext,
  path: ConfigPath,
): ((path: string) => string) | undefined {
  const config = policy.typedConfig as (UriTemplateRewriteConfigJson & { '@type'?: string }) | undefined
  if (!isPathPolicy(config, REWRITE, context, path)) return undefined
  if (template === null) {
    context.diagnostics.error(path, 'a template rewrite needs a template match on the same route', {
      expected: `path_match_policy of type ${URI_TEMPLATE_MATCH}`,
    })
    return undefined
  }
  const text = config?.pathTemplateRewrite ?? ''
  const rewriter = template.rewriter(text)
  if (typeof rewriter !== 'string') return rewriter
  const at = path.field('typed_config').field('path_template_rewrite')
  context.diagnostics.error(at, `not a path rewrite: ${rewriter}`, { found: text })
  return undefined
}
