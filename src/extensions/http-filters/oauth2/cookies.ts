import type { CookieConfigJson, OAuth2ConfigJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { CookiePlan } from './set-cookie.ts'

/** All cookies of the filter. */
export interface OAuth2Cookies {
  readonly hmac: CookiePlan
  readonly expires: CookiePlan
  readonly bearer: CookiePlan
  readonly idToken: CookiePlan
  readonly refresh: CookiePlan
  readonly nonce: CookiePlan
  readonly verifier: CookiePlan
}

/** With Envoy's names where the configuration gives none. */
export function compileCookies({ credentials, cookieConfigs = {} }: OAuth2ConfigJson, domain: string): OAuth2Cookies {
  const names = credentials?.cookieNames ?? {}
  const cookie = (name: string | undefined, standard: string, config: CookieConfigJson | undefined): CookiePlan =>
    new CookiePlan(name === undefined || name === '' ? standard : toWireText(name), domain, config ?? {})
  return {
    hmac: cookie(names.oauthHmac, 'OauthHMAC', cookieConfigs.oauthHmacCookieConfig),
    expires: cookie(names.oauthExpires, 'OauthExpires', cookieConfigs.oauthExpiresCookieConfig),
    bearer: cookie(names.bearerToken, 'BearerToken', cookieConfigs.bearerTokenCookieConfig),
    idToken: cookie(names.idToken, 'IdToken', cookieConfigs.idTokenCookieConfig),
    refresh: cookie(names.refreshToken, 'RefreshToken', cookieConfigs.refreshTokenCookieConfig),
    nonce: cookie(names.oauthNonce, 'OauthNonce', cookieConfigs.oauthNonceCookieConfig),
    verifier: cookie(names.codeVerifier, 'CodeVerifier', cookieConfigs.codeVerifierCookieConfig),
  }
}
