// Where browsers are sent to log in.
import type { OAuth2ConfigJson } from '#api/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts'
import { toWireText } from '../../../base/index.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { urlEncode } from '../../../http/index.ts'
import { parseAbsoluteUrl } from './urls.ts'

export interface LoginRequest {
  readonly redirectUri: string
  readonly state: string
  readonly challenge: string
}

export class AuthorizationEndpoint {
  private readonly base: string
  private readonly fixed: ReadonlyMap<string, readonly string[]>
  /** Envoy puts these behind all others. */
  private readonly resources: string

  constructor(json: OAuth2ConfigJson, clientId: string, context: CompileContext, path: ConfigPath) {
    const url = toWireText(json.authorizationEndpoint ?? '')
    if (parseAbsoluteUrl(url) === null) {
      context.diagnostics.error(path.field('authorization_endpoint'), 'is no absolute URL', {
        expected: 'https://host/path',
        found: url,
      })
    }
    const [base = '', query = ''] = url.replace(/#.*$/, '').split(/\?(.*)/s)
    this.base = base
    const scopes = json.authScopes === undefined || json.authScopes.length === 0 ? ['user'] : json.authScopes
    const fixed = new Map<string, string[]>()
    for (const pair of query.split('&')) {
      if (pair === '') continue
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      fixed.set(name, [...(fixed.get(name) ?? []), value])
    }
    fixed.set('client_id', [urlEncode(clientId)])
    fixed.set('response_type', ['code'])
    fixed.set('scope', [urlEncode(toWireText(scopes.join(' ')))])
    this.fixed = fixed
    this.resources = (json.resources ?? []).map(one => `&resource=${urlEncode(toWireText(one))}`).join('')
  }

  /** The parameters stand in the order of their names, as Envoy sends them. */
  location({ redirectUri, state, challenge }: LoginRequest): string {
    const all = new Map(this.fixed)
    all.set('state', [state])
    all.set('redirect_uri', [urlEncode(redirectUri)])
    all.set('code_challenge', [challenge])
    all.set('code_challenge_method', ['S256'])
    const query = [...all]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, values]) => values.map(value => `${name}=${value}`))
      .join('&')
    return `${this.base}?${query}${this.resources}`
  }
}
