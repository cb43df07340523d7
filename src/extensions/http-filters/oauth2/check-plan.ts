// What the schema cannot say of an OAuth2Config.
import type { OAuth2ConfigJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'

const NO_ID_TOKEN_HEADER = new Set(['host'])

export function checkPlan(json: OAuth2ConfigJson, context: CompileContext, path: ConfigPath): void {
  const { diagnostics } = context
  const header = json.forwardIdToken?.header?.toLowerCase() ?? ''
  const claims = [
    json.forwardBearerToken === true,
    json.preserveAuthorizationHeader === true,
    header === 'authorization',
  ].filter(claim => claim)
  if (claims.length > 1) {
    diagnostics.error(path, 'the authorization header can carry one thing only', {
      expected:
        'at most one of forward_bearer_token, preserve_authorization_header and forward_id_token on authorization',
    })
  }
  if (header.startsWith(':') || NO_ID_TOKEN_HEADER.has(header)) {
    const at = path.field('forward_id_token').field('header')
    diagnostics.error(at, 'the ID token cannot be sent there', { expected: 'a header of its own', found: header })
  }
  if (json.credentials?.tokenSecret === undefined && json.authType !== 'TLS_CLIENT_AUTH') {
    diagnostics.error(path.field('credentials').field('token_secret'), 'is needed unless auth_type is TLS_CLIENT_AUTH')
  }
  if ((json.endSessionEndpoint ?? '') !== '' && !(json.authScopes ?? []).includes('openid')) {
    diagnostics.error(path.field('end_session_endpoint'), 'only OpenID Connect has such an endpoint', {
      expected: "auth_scopes with 'openid'",
    })
  }
}
