// RouteAction.internal_redirect_policy: redirects of the origin that the proxy follows itself.
import type { InternalRedirectPolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { declareSupport } from '../../config/index.ts'
import type { InternalRedirectPlan } from '../../http/index.ts'

declareSupport('envoy.config.route.v3.InternalRedirectPolicy', {
  supported: ['max_internal_redirects', 'redirect_response_codes', 'allow_cross_scheme_redirect'],
  refused: {
    predicates: 'internal redirect predicates are not part of this release; remove them',
    response_headers_to_copy: 'copying response headers is not part of this release; remove it',
  },
})

/** Codes that may be followed at all; Envoy drops others from the list. */
const FOLLOWED = new Set([301, 302, 303, 307, 308])
const DEFAULT_CODES = [302]

export function compileInternalRedirect(policy: InternalRedirectPolicyJson | undefined): InternalRedirectPlan | null {
  if (policy === undefined) return null
  const codes = policy.redirectResponseCodes ?? []
  return {
    maxInternalRedirects: policy.maxInternalRedirects ?? 1,
    responseCodes: codes.length === 0 ? DEFAULT_CODES : codes.filter(code => FOLLOWED.has(code)),
    allowCrossSchemeRedirect: policy.allowCrossSchemeRedirect === true,
  }
}
