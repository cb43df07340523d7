import { declareSupport } from '../../../config/index.ts'

const API = 'envoy.extensions.filters.http.oauth2.v3'
const COOKIES = [
  'bearer_token_cookie_config',
  'oauth_hmac_cookie_config',
  'oauth_expires_cookie_config',
  'id_token_cookie_config',
  'refresh_token_cookie_config',
  'oauth_nonce_cookie_config',
  'code_verifier_cookie_config',
]

declareSupport(`${API}.OAuth2`, { supported: ['config'] })
declareSupport(`${API}.OAuth2PerRoute`, { supported: ['config'] })
declareSupport(`${API}.OAuth2Config`, {
  supported: [
    'token_endpoint',
    'retry_policy',
    'authorization_endpoint',
    'end_session_endpoint',
    'post_logout_redirect_uri',
    'credentials',
    'redirect_uri',
    'redirect_path_matcher',
    'signout_path',
    'forward_bearer_token',
    'forward_id_token',
    'preserve_authorization_header',
    'pass_through_matcher',
    'auth_scopes',
    'resources',
    'auth_type',
    'private_key_jwt_config',
    'use_refresh_token',
    'default_expires_in',
    'deny_redirect_matcher',
    'allow_failed_matcher',
    'default_refresh_token_expires_in',
    'disable_id_token_set_cookie',
    'disable_access_token_set_cookie',
    'disable_refresh_token_set_cookie',
    'cookie_configs',
    'stat_prefix',
    'csrf_token_expires_in',
    'code_verifier_token_expires_in',
    'disable_token_encryption',
    'original_request_uri',
    'allowed_redirect_domains',
    'use_access_token_expiry_for_id_token_cookie',
    'token_cookie_chunking',
  ],
})
declareSupport(`${API}.OAuth2Credentials`, {
  supported: ['client_id', 'token_secret', 'hmac_secret', 'cookie_names', 'cookie_domain'],
})
declareSupport(`${API}.OAuth2Credentials.CookieNames`, {
  supported: [
    'bearer_token',
    'oauth_hmac',
    'oauth_expires',
    'id_token',
    'refresh_token',
    'oauth_nonce',
    'code_verifier',
  ],
})
declareSupport(`${API}.CookieConfigs`, { supported: COOKIES })
declareSupport(`${API}.CookieConfig`, { supported: ['same_site', 'path', 'partitioned'] })
declareSupport(`${API}.OAuth2TokenForwarding`, { supported: ['header'] })
declareSupport(`${API}.PostLogoutRedirectUri`, { supported: ['disabled', 'uri'] })
declareSupport(`${API}.PrivateKeyJwtConfig`, {
  supported: ['signing_algorithm', 'assertion_lifetime', 'assertion_audience'],
})
declareSupport(`${API}.TokenCookieChunking`, { supported: ['max_cookie_size', 'max_chunks'] })
