// envoy.rate_limit_descriptors.expr: the value of a CEL expression as a descriptor.
import type { DescriptorJson } from '#api/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.ts'
import { celText, toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import { CelSubject, celSettings, compileCelExpr, compileCelExpression } from '../../net/index.ts'
import type { CelExpression } from '../../observability/index.ts'
import type { DescriptorEntry, RateLimitAction, RateLimitSubject } from './descriptor.ts'

export const EXPRESSION = 'envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor'
declareSupport(EXPRESSION, { supported: ['descriptor_key', 'skip_if_error', 'text', 'parsed'] })

class ExpressionAction implements RateLimitAction {
  private readonly key: string
  private readonly expression: CelExpression
  private readonly skipIfError: boolean

  constructor(key: string, expression: CelExpression, skipIfError: boolean) {
    this.key = toWireText(key)
    this.expression = expression
    this.skipIfError = skipIfError
  }

  populate(entries: DescriptorEntry[], { headers, info }: RateLimitSubject): boolean {
    const value = this.expression.value(new CelSubject(info, headers))
    // As Envoy: without a value the other entries stand alone, or there is no descriptor.
    if (value === undefined) return this.skipIfError
    entries.push({ key: this.key, value: celText(value) })
    return true
  }
}

/** Undefined after a diagnostic. */
export function compileExpressionAction(
  json: DescriptorJson,
  context: CompileContext,
  path: ConfigPath,
): RateLimitAction | undefined {
  const settings = celSettings(undefined, context)
  const expression =
    json.text === undefined
      ? compileCelExpr(json.parsed, settings, context, path.field('parsed'))
      : compileCelExpression(json.text, settings, context, path.field('text'))
  if (expression === undefined) return undefined
  return new ExpressionAction(json.descriptorKey ?? '', expression, json.skipIfError ?? false)
}
