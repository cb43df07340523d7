// Asks the authorization server for tokens (RFC 6749: 4.1.3, 6).
import type { OAuth2ConfigJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import { type CompileContext, type ConfigPath, durationMs, type GenericSecret } from '../../../config/index.ts'
import { readOAuthTokens, type TokenAnswer, urlEncode } from '../../../http/index.ts'
import {
  type AsyncRequest,
  type AsyncResponse,
  compileServiceRetryPolicy,
  FormService,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import type { ClientAssertion } from './client-assertion.ts'

const MAX_RESPONSE_BYTES = 262_144
const RETRY_ON = '5xx,gateway-error,connect-failure,reset'
const ASSERTION_TYPE = urlEncode('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')

export interface TokenCallbacks {
  /** Perhaps before the call that asked returns. */
  onTokenAnswer(answer: TokenAnswer): void
}

export class TokenClient {
  private readonly service: FormService
  private readonly clientId: string
  private readonly basic: boolean
  private readonly secret: GenericSecret | null
  private readonly assertion: ClientAssertion | null
  private readonly defaultLifetimeS: number

  constructor(
    json: OAuth2ConfigJson,
    clientId: string,
    secret: GenericSecret | null,
    assertion: ClientAssertion | null,
    context: CompileContext,
    path: ConfigPath,
  ) {
    const { retryPolicy: retry } = json
    const retryPolicy =
      retry === undefined ? null : compileServiceRetryPolicy(retry, RETRY_ON, context, path.field('retry_policy'))
    this.service = new FormService(json.tokenEndpoint ?? {}, retryPolicy, context, path.field('token_endpoint'))
    this.clientId = clientId
    this.basic = json.authType === 'BASIC_AUTH'
    this.secret = secret
    this.assertion = assertion
    this.defaultLifetimeS = Math.trunc(durationMs(json.defaultExpiresIn, 0) / 1000)
  }

  /** `code` as it stood in the query. */
  exchange(
    thread: UpstreamThread,
    code: string,
    redirectUri: string,
    verifier: string,
    callbacks: TokenCallbacks,
  ): AsyncRequest {
    const target = `redirect_uri=${urlEncode(redirectUri)}&code_verifier=${verifier}`
    return this.ask(thread, `grant_type=authorization_code&code=${code}`, `&${target}`, callbacks)
  }

  refresh(thread: UpstreamThread, refreshToken: string, callbacks: TokenCallbacks): AsyncRequest {
    return this.ask(thread, `grant_type=refresh_token&refresh_token=${urlEncode(refreshToken)}`, '', callbacks)
  }

  private ask(thread: UpstreamThread, grant: string, rest: string, callbacks: TokenCallbacks): AsyncRequest {
    const form = grant + this.identity(thread) + rest
    return this.service.post(thread, form, this.basic ? this.basicCredentials() : '', MAX_RESPONSE_BYTES, {
      onAsyncResponse: response => callbacks.onTokenAnswer(this.read(response)),
      onAsyncFailure: () =>
        callbacks.onTokenAnswer({ reason: 'Failed to get access token due to HTTP request failure', details: '' }),
    })
  }

  private basicCredentials(): string {
    const credentials = `${this.clientId}:${this.secret?.text ?? ''}`
    return `Basic ${Buffer.from(credentials, 'latin1').toString('base64')}`
  }

  /** Who the client is, in the form. */
  private identity(thread: UpstreamThread): string {
    if (this.basic) return ''
    const id = `&client_id=${urlEncode(this.clientId)}`
    if (this.assertion !== null) {
      const assertion = this.assertion.create(Math.trunc(thread.clock.wallMs() / 1000))
      return `${id}&client_assertion_type=${ASSERTION_TYPE}&client_assertion=${assertion}`
    }
    return this.secret === null ? id : `${id}&client_secret=${urlEncode(this.secret.text)}`
  }

  private read({ headers, body }: AsyncResponse): TokenAnswer {
    return readOAuthTokens(headers.status, body, this.defaultLifetimeS)
  }
}
