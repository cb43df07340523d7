import type { OAuth2ConfigJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import { toWireText } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  durationMs,
  findGenericSecret,
  type GenericSecret,
  type StringPredicate,
} from '../../../config/index.ts'
import {
  compileHeaderMatchers,
  compilePathMatcher,
  type HeaderMap,
  HeaderName,
  type HeaderPredicate,
} from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import {
  compileFormat,
  type Formatter,
  isFormatError,
  type StatBlock,
  statTemplate,
} from '../../../observability/index.ts'
import { AuthorizationEndpoint } from './authorization-endpoint.ts'
import { checkPlan } from './check-plan.ts'
import { ClientAssertion, signingKeyProblem } from './client-assertion.ts'
import { compileCookies, type OAuth2Cookies } from './cookies.ts'
import { LogoutPlan } from './logout.ts'
import { TokenChunks } from './token-chunks.ts'
import { TokenClient } from './token-client.ts'

export const OAUTH2_STATS = statTemplate({
  counters: [
    'oauth_allow_failed_passthrough',
    'oauth_failure',
    'oauth_legacy_cbc_decrypt',
    'oauth_passthrough',
    'oauth_refreshtoken_failure',
    'oauth_refreshtoken_success',
    'oauth_success',
    'oauth_token_cookie_chunked',
    'oauth_token_cookie_malformed_chunks',
    'oauth_token_cookie_oversized',
    'oauth_token_cookie_reassembled',
    'oauth_unauthorized_rq',
  ],
})

const REFRESH_LIFETIME_MS = 604_800_000
const LOGIN_MS = 600_000
const seconds = (ms: number): number => Math.trunc(ms / 1000)

/** What a route or the filter itself says, compiled. */
export class OAuth2Plan {
  readonly hmacSecret: GenericSecret | undefined
  readonly endpoint: AuthorizationEndpoint
  readonly logout: LogoutPlan
  readonly tokens: TokenClient
  readonly cookies: OAuth2Cookies
  readonly chunks: TokenChunks | null
  readonly redirectUri: Formatter
  /** In front of the path that the browser returns to; null: scheme and host of its request. */
  readonly originalUri: Formatter | null
  readonly isCallback: StringPredicate
  readonly isSignout: StringPredicate
  readonly allowedDomains: readonly string[]
  readonly forwardsBearerToken: boolean
  readonly preservesAuthorization: boolean
  /** Where the origin finds the ID token; null: only in its cookie. */
  readonly idTokenHeader: HeaderName | null
  readonly usesRefreshToken: boolean
  readonly keepsAccessToken: boolean
  readonly keepsIdToken: boolean
  readonly keepsRefreshToken: boolean
  readonly encrypts: boolean
  readonly cookieDomain: string
  readonly refreshTokenLifetimeS: number
  readonly idTokenLivesAsAccessToken: boolean
  readonly csrfLifetimeS: number
  readonly verifierLifetimeS: number
  private readonly passes: readonly HeaderPredicate[]
  private readonly denies: readonly HeaderPredicate[]
  private readonly allowsFailed: readonly HeaderPredicate[]
  private readonly statPrefix: string
  private stats: StatBlock | null = null

  constructor(json: OAuth2ConfigJson, context: CompileContext, path: ConfigPath) {
    const credentials = json.credentials ?? {}
    const clientId = toWireText(credentials.clientId ?? '')
    const at = path.field('credentials')
    checkPlan(json, context, path)
    this.hmacSecret = findGenericSecret(credentials.hmacSecret ?? {}, () => true, context, at.field('hmac_secret'))
    this.endpoint = new AuthorizationEndpoint(json, clientId, context, path)
    this.logout = new LogoutPlan(json, clientId, context, path)
    const { secret, assertion } = compileClientSecret(json, clientId, context, path)
    this.tokens = new TokenClient(json, clientId, secret, assertion, context, path)
    this.cookieDomain = toWireText(credentials.cookieDomain ?? '')
    this.cookies = compileCookies(json, this.cookieDomain)
    this.chunks = json.tokenCookieChunking === undefined ? null : new TokenChunks(json.tokenCookieChunking)
    this.redirectUri = formatter(json.redirectUri ?? '', context, path.field('redirect_uri'))
    const original = json.originalRequestUri ?? ''
    this.originalUri = original === '' ? null : formatter(original, context, path.field('original_request_uri'))
    this.isCallback = compilePathMatcher(json.redirectPathMatcher ?? {}, context, path.field('redirect_path_matcher'))
    this.isSignout = compilePathMatcher(json.signoutPath ?? {}, context, path.field('signout_path'))
    this.allowedDomains = (json.allowedRedirectDomains ?? []).map(domain => domain.toLowerCase())
    this.forwardsBearerToken = json.forwardBearerToken === true
    this.preservesAuthorization = json.preserveAuthorizationHeader === true
    this.idTokenHeader = json.forwardIdToken === undefined ? null : HeaderName.of(json.forwardIdToken.header ?? '')
    this.usesRefreshToken = json.useRefreshToken ?? true
    this.keepsAccessToken = json.disableAccessTokenSetCookie !== true
    this.keepsIdToken = json.disableIdTokenSetCookie !== true
    this.keepsRefreshToken = this.usesRefreshToken && json.disableRefreshTokenSetCookie !== true
    this.encrypts = json.disableTokenEncryption !== true
    this.refreshTokenLifetimeS = seconds(durationMs(json.defaultRefreshTokenExpiresIn, REFRESH_LIFETIME_MS))
    this.idTokenLivesAsAccessToken = json.useAccessTokenExpiryForIdTokenCookie === true
    this.csrfLifetimeS = seconds(durationMs(json.csrfTokenExpiresIn, LOGIN_MS))
    this.verifierLifetimeS = seconds(durationMs(json.codeVerifierTokenExpiresIn, LOGIN_MS))
    this.passes = compileHeaderMatchers(json.passThroughMatcher, context, path.field('pass_through_matcher'))
    this.denies = compileHeaderMatchers(json.denyRedirectMatcher, context, path.field('deny_redirect_matcher'))
    this.allowsFailed = compileHeaderMatchers(json.allowFailedMatcher, context, path.field('allow_failed_matcher'))
    const prefix = json.statPrefix ?? ''
    this.statPrefix = prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`
  }

  get secret(): Buffer {
    return (this.hmacSecret as GenericSecret).bytes
  }

  /** `prefix`: that of the connection manager, or '' for a route's plan. */
  statsOf(thread: ThreadContext, prefix: string): StatBlock {
    this.stats ??= thread.stats.block(prefix + this.statPrefix, OAUTH2_STATS)
    return this.stats
  }

  passesThrough(headers: HeaderMap): boolean {
    return this.passes.some(matcher => matcher.matches(headers))
  }

  deniesRedirect(headers: HeaderMap): boolean {
    return this.denies.some(matcher => matcher.matches(headers))
  }

  /** The callback itself is never let through: it has nothing to do with the origin. */
  allowsFailure(headers: HeaderMap): boolean {
    return !this.isCallback(headers.path) && this.allowsFailed.some(matcher => matcher.matches(headers))
  }
}

function compileClientSecret(
  json: OAuth2ConfigJson,
  clientId: string,
  context: CompileContext,
  path: ConfigPath,
): { readonly secret: GenericSecret | null; readonly assertion: ClientAssertion | null } {
  const { authType, credentials, privateKeyJwtConfig: jwt = {}, tokenEndpoint } = json
  const config = credentials?.tokenSecret
  if (authType === 'TLS_CLIENT_AUTH' || config === undefined) return { secret: null, assertion: null }
  const at = path.field('credentials').field('token_secret')
  if (authType !== 'PRIVATE_KEY_JWT') {
    return { secret: findGenericSecret(config, () => true, context, at) ?? null, assertion: null }
  }
  const algorithm = jwt.signingAlgorithm ?? 'RS256'
  const check: Parameters<typeof findGenericSecret>[1] = ({ genericSecret }, quiet, where) => {
    const { inlineString, inlineBytes = '' } = genericSecret?.secret ?? {}
    const pem = inlineString === undefined ? Buffer.from(inlineBytes, 'base64') : Buffer.from(inlineString)
    const problem = signingKeyProblem(pem, algorithm)
    if (problem !== null) quiet.diagnostics.error(where, problem)
    return problem === null
  }
  const key = findGenericSecret(config, check, context, at)
  const assertion = key === undefined ? null : new ClientAssertion(jwt, clientId, tokenEndpoint?.uri ?? '', key)
  return { secret: null, assertion }
}

const NOTHING: Formatter = { format: () => '' }

export function formatter(text: string, context: CompileContext, path: ConfigPath): Formatter {
  const compiled = compileFormat(text)
  if (!isFormatError(compiled)) return compiled
  context.diagnostics.error(path, compiled.error, { found: text, code: 'bad-format' })
  return NOTHING
}
