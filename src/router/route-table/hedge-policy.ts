import type { HedgePolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { declareSupport } from '../../config/index.ts'

const NOT_IN_ENVOY = 'Envoy does not implement it either'
declareSupport('envoy.config.route.v3.HedgePolicy', {
  supported: ['hedge_on_per_try_timeout'],
  refused: { additional_request_chance: NOT_IN_ENVOY },
  accepted: { initial_requests: 'one request is sent first, as in Envoy, which does not implement it' },
})

/** Whether an attempt that reaches its per-try timeout goes on beside the next one. */
export function compileHedgeOnPerTryTimeout(policy: HedgePolicyJson | undefined, fallback: boolean): boolean {
  return policy === undefined ? fallback : (policy.hedgeOnPerTryTimeout ?? false)
}
