// An access token of the OAuth 2.0 client credentials grant (RFC 6749, 4.4), fetched ahead of its use.
import type { OAuth2Json } from '#api/envoy/extensions/http/injected_credentials/oauth2/v3/oauth2_pb.ts'
import { toWireText } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
  findGenericSecret,
  type GenericSecret,
} from '../../../config/index.ts'
import { HeaderName, urlEncode } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { FormService, type UpstreamThread } from '../../../upstream/index.ts'
import type { Credential } from './credential.ts'
import { TokenSource } from './token-source.ts'

const TYPE = 'envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2'
const DEFAULT_RETRY_MS = 2000

declareSupport(TYPE, {
  supported: ['token_endpoint', 'scopes', 'client_credentials', 'token_fetch_retry_interval', 'endpoint_params'],
})
declareSupport(`${TYPE}.ClientCredentials`, { supported: ['client_id', 'client_secret', 'auth_type'] })
declareSupport(`${TYPE}.EndpointParameter`, { supported: ['name', 'value'] })

export class ClientCredentials implements Credential {
  readonly header = HeaderName.of('authorization')
  readonly service: FormService
  readonly retryMs: number
  private readonly secret: GenericSecret | null
  private readonly identity: string
  private readonly parameters: string
  private source: TokenSource | null = null

  constructor(json: OAuth2Json, context: CompileContext, path: ConfigPath) {
    const { clientId = '', clientSecret, authType } = json.clientCredentials ?? {}
    const at = path.field('client_credentials').field('client_secret')
    this.service = new FormService(json.tokenEndpoint ?? {}, null, context, path.field('token_endpoint'))
    this.retryMs = durationMs(json.tokenFetchRetryInterval, DEFAULT_RETRY_MS)
    const certificateIsEnough = authType === 'TLS_CLIENT_AUTH'
    this.secret =
      certificateIsEnough || clientSecret === undefined
        ? null
        : (findGenericSecret(clientSecret, () => true, context, at) ?? null)
    if (!certificateIsEnough && clientSecret === undefined) {
      context.diagnostics.error(at, 'is needed unless auth_type is TLS_CLIENT_AUTH')
    }
    this.identity = `grant_type=client_credentials&client_id=${urlEncode(toWireText(clientId))}`
    const scope = (json.scopes ?? []).join(' ')
    this.parameters = [
      ...(scope === '' ? [] : [['scope', scope] as const]),
      ...(json.endpointParams ?? []).map(({ name = '', value = '' }) => [name, value] as const),
    ]
      .map(([name, value]) => `&${urlEncode(toWireText(name))}=${urlEncode(toWireText(value))}`)
      .join('')
  }

  /** As Envoy sends it, whichever of its two kinds of password authentication is chosen. */
  form(): string {
    const secret = this.secret === null ? '' : `&client_secret=${urlEncode(this.secret.text)}`
    return this.identity + secret + this.parameters
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.source = new TokenSource(this, thread as UpstreamThread, statPrefix)
    this.source.fetch()
  }

  value(thread: ThreadContext): string | null {
    return this.source?.current(thread.clock.now) ?? null
  }
}

export const clientCredentialsFactory: ExtensionFactory<Credential> = {
  name: 'envoy.http.injected_credentials.oauth2',
  category: 'envoy.http.injected_credentials',
  typeNames: [TYPE],
  compile: (config, context, path) => new ClientCredentials(config as OAuth2Json, context, path),
}
