// RouteAction.internal_redirect_policy: redirects of the origin that the proxy follows itself.
import type { InternalRedirectPolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'
import { HeaderName, type InternalRedirectPlan } from '../../http/index.ts'

const API = 'envoy.extensions.internal_redirect'
declareSupport('envoy.config.route.v3.InternalRedirectPolicy', {
  supported: [
    'max_internal_redirects',
    'redirect_response_codes',
    'allow_cross_scheme_redirect',
    'predicates',
    'response_headers_to_copy',
  ],
})
declareSupport(`${API}.allow_listed_routes.v3.AllowListedRoutesConfig`, { supported: ['allowed_route_names'] })
declareSupport(`${API}.previous_routes.v3.PreviousRoutesConfig`, { supported: [] })
declareSupport(`${API}.safe_cross_scheme.v3.SafeCrossSchemeConfig`, { supported: [] })

/** Codes that may be followed at all; Envoy drops others from the list. */
const FOLLOWED = new Set([301, 302, 303, 307, 308])
const DEFAULT_CODES = [302]

export function compileInternalRedirect(
  policy: InternalRedirectPolicyJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): InternalRedirectPlan | null {
  if (policy === undefined) return null
  const codes = policy.redirectResponseCodes ?? []
  const plan = {
    maxInternalRedirects: policy.maxInternalRedirects ?? 1,
    responseCodes: codes.length === 0 ? DEFAULT_CODES : codes.filter(code => FOLLOWED.has(code)),
    allowCrossSchemeRedirect: policy.allowCrossSchemeRedirect === true,
    headersToCopy: (policy.responseHeadersToCopy ?? []).map(name => HeaderName.of(name)),
    allowedRoutes: null as ReadonlySet<string> | null,
    refusesPreviousRoutes: false,
    safeCrossScheme: false,
  }
  for (const [i, predicate] of (policy.predicates ?? []).entries()) {
    const config = (predicate.typedConfig ?? {}) as { '@type'?: string; allowedRouteNames?: readonly string[] }
    const type = typeName(config)
    if (type === `${API}.allow_listed_routes.v3.AllowListedRoutesConfig`) {
      plan.allowedRoutes = new Set(config.allowedRouteNames ?? [])
    } else if (type === `${API}.previous_routes.v3.PreviousRoutesConfig`) plan.refusesPreviousRoutes = true
    else if (type === `${API}.safe_cross_scheme.v3.SafeCrossSchemeConfig`) plan.safeCrossScheme = true
    else {
      context.diagnostics.error(path.field('predicates').index(i).field('typed_config'), `no predicate reads ${type}`, {
        expected: 'allow_listed_routes, previous_routes or safe_cross_scheme of envoy.extensions.internal_redirect',
        found: type,
      })
    }
  }
  return plan
}
