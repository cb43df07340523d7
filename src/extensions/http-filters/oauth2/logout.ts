// Where browsers are sent once their cookies are gone.
import type { OAuth2ConfigJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import { toWireText } from '../../../base/index.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { type HeaderMap, urlEncode } from '../../../http/index.ts'
import { compileFormat, type Formatter, isFormatError, type StreamInfo } from '../../../observability/index.ts'

export class LogoutPlan {
  private readonly endpoint: string
  private readonly clientId: string
  /** Null: the root of the host that was asked. */
  private readonly returnTo: Formatter | null
  private readonly returns: boolean

  constructor(json: OAuth2ConfigJson, clientId: string, context: CompileContext, path: ConfigPath) {
    this.endpoint = toWireText(json.endSessionEndpoint ?? '')
    this.clientId = urlEncode(clientId)
    this.returns = json.postLogoutRedirectUri?.disabled !== true
    const uri = json.postLogoutRedirectUri?.uri
    const format = uri === undefined ? null : compileFormat(uri)
    if (format !== null && isFormatError(format)) {
      const at = path.field('post_logout_redirect_uri').field('uri')
      context.diagnostics.error(at, format.error, { found: uri ?? '', code: 'bad-format' })
    }
    this.returnTo = format === null || isFormatError(format) ? null : format
  }

  location(headers: HeaderMap, info: StreamInfo, idToken: string): string {
    const root = `${headers.scheme}://${headers.authority}/`
    if (this.endpoint === '') return root
    const base = `${this.endpoint}?id_token_hint=${urlEncode(idToken)}&client_id=${this.clientId}`
    if (!this.returns) return base
    const target =
      this.returnTo?.format({ requestHeaders: headers, responseHeaders: null, responseTrailers: null, info }) ?? root
    return `${base}&post_logout_redirect_uri=${urlEncode(target)}`
  }
}
