// RateLimit.Action.extension: an input of a matcher tree as a descriptor, under the name of the extension.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { DescriptorJson } from '#api/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, typeName } from '../../config/index.ts'
import type { MatchInput } from '../../net/index.ts'
import { EXCHANGE_INPUTS, exchangeInput, isKnownWithRequest, type MatchingData } from '../matching/matching-data.ts'
import type { DescriptorEntry, RateLimitAction, RateLimitSubject } from './descriptor.ts'
import { compileExpressionAction, EXPRESSION } from './expression-action.ts'

class InputAction implements RateLimitAction {
  private readonly key: string
  private readonly input: MatchInput<MatchingData>

  constructor(key: string, input: MatchInput<MatchingData>) {
    this.key = toWireText(key)
    this.input = input
  }

  populate(entries: DescriptorEntry[], { headers, info }: RateLimitSubject): boolean {
    const data = {
      request: headers,
      requestTrailers: null,
      response: null,
      responseTrailers: null,
      info,
      incomplete: false,
    }
    const value = this.input(data)
    if (value === null || value === undefined) return false
    // As Envoy: an empty text says nothing, and is no obstacle.
    if (String(value) !== '') entries.push({ key: this.key, value: String(value) })
    return true
  }
}

/** Undefined after a diagnostic. */
export function compileInputAction(
  extension: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): RateLimitAction | undefined {
  const config = (extension.typedConfig ?? {}) as { '@type'?: string }
  const type = typeName(config)
  const input = isKnownWithRequest(type) ? exchangeInput(type, config) : undefined
  if (input !== undefined) return new InputAction(extension.name ?? '', input)
  if (type === EXPRESSION) return compileExpressionAction(config as DescriptorJson, context, path.field('typed_config'))
  context.diagnostics.error(path.field('typed_config'), 'unknown rate limit descriptor', {
    expected: `${EXPRESSION} or an input: ${EXCHANGE_INPUTS.filter(isKnownWithRequest).join(', ')}`,
    found: type,
    code: 'unknown-extension',
  })
  return undefined
}
