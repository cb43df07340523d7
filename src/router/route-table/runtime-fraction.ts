// core.v3.RuntimeFractionalPercent: a share of requests, by the stream's own number.
import type { RuntimeFractionalPercentJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { type CompileContext, declareSupport, fractionalPercent } from '../../config/index.ts'

declareSupport('envoy.config.core.v3.RuntimeFractionalPercent', { supported: ['default_value', 'runtime_key'] })
declareSupport('envoy.type.v3.FractionalPercent', { supported: ['numerator', 'denominator'] })

const TWO_POW_32 = 0x100000000

/** `random`: 32 bits. The same number always gives the same answer, so that a retry or a redirect stays on its route. */
export function compileRuntimeFraction(
  fraction: RuntimeFractionalPercentJson,
  context: CompileContext,
): (random: number) => boolean {
  const share = fractionalPercent(fraction.defaultValue)
  const key = fraction.runtimeKey === '' ? undefined : fraction.runtimeKey
  const { runtime } = context
  return random => runtime.featureEnabled(key, share, random / TWO_POW_32)
}
