import { hash } from 'node:crypto'
import type {
  ApiKeyAuthPerRouteJson,
  CredentialJson,
  KeySourceJson,
} from '#api/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.ts'
import { toWireText } from '../../../base/index.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { HeaderName } from '../../../http/index.ts'
import { CookieSource, HeaderSource, type KeySource, QuerySource } from './key-source.ts'

/** Null: a route leaves it to the filter. */
export interface ApiKeySettings {
  readonly clients: Clients | null
  readonly sources: readonly KeySource[] | null
  readonly allowedClients: ReadonlySet<string> | null
  readonly forwarding: { readonly header: HeaderName | null; readonly hideCredentials: boolean } | null
}

/** Clients by the SHA-256 of their keys: how long a look-up takes tells nothing of the keys themselves. */
export class Clients {
  private readonly byHash = new Map<string, string>()

  /** False: somebody has that key already. */
  add(key: string, client: string): boolean {
    const digest = sha256(key)
    if (this.byHash.has(digest)) return false
    this.byHash.set(digest, client)
    return true
  }

  find(key: string): string | undefined {
    return this.byHash.get(sha256(key))
  }
}

const sha256 = (key: string): string => hash('sha256', Buffer.from(key, 'latin1'), 'latin1' as 'hex')

export function compileSettings(
  json: ApiKeyAuthPerRouteJson,
  context: CompileContext,
  path: ConfigPath,
): ApiKeySettings {
  const { credentials, keySources, allowedClients, forwarding } = json
  return {
    clients: credentials === undefined ? null : compileClients(credentials, context, path.field('credentials')),
    sources:
      keySources === undefined
        ? null
        : keySources.flatMap((source, i) => compileSource(source, context, path.field('key_sources').index(i))),
    allowedClients: allowedClients === undefined ? null : new Set(allowedClients.map(toWireText)),
    forwarding:
      forwarding === undefined
        ? null
        : {
            header:
              forwarding.header === undefined || forwarding.header === '' ? null : HeaderName.of(forwarding.header),
            hideCredentials: forwarding.hideCredentials === true,
          },
  }
}

function compileClients(credentials: readonly CredentialJson[], context: CompileContext, path: ConfigPath): Clients {
  const clients = new Clients()
  credentials.forEach(({ key = '', client = '' }, i) => {
    if (clients.add(toWireText(key), toWireText(client))) return
    context.diagnostics.error(path.index(i).field('key'), 'another client has the same key')
  })
  return clients
}

function compileSource(json: KeySourceJson, context: CompileContext, path: ConfigPath): readonly KeySource[] {
  if (json.header !== undefined && json.header !== '') return [new HeaderSource(HeaderName.of(json.header))]
  if (json.query !== undefined && json.query !== '') return [new QuerySource(toWireText(json.query))]
  if (json.cookie !== undefined && json.cookie !== '') return [new CookieSource(json.cookie)]
  context.diagnostics.error(path, 'a key source needs a name', { expected: 'one of header, query and cookie' })
  return []
}
