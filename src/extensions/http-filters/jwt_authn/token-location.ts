// Where a token may stand in a request.
import {
  cookieValue,
  decodedQueryParameter,
  type HeaderMap,
  HeaderName,
  removeQueryParameter,
} from '../../../http/index.ts'

export interface TokenLocation {
  /** Null: nothing is there. */
  read(headers: HeaderMap): string | null
  remove(headers: HeaderMap): void
}

class HeaderLocation implements TokenLocation {
  private readonly name: HeaderName
  private readonly prefix: string

  constructor(name: string, prefix: string) {
    this.name = HeaderName.of(name)
    this.prefix = prefix
  }

  read(headers: HeaderMap): string | null {
    const value = headers.get(this.name)
    if (value === undefined) return null
    const at = value.indexOf(this.prefix)
    return at < 0 ? null : value.slice(at + this.prefix.length)
  }

  remove(headers: HeaderMap): void {
    headers.remove(this.name)
  }
}

class ParameterLocation implements TokenLocation {
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  read(headers: HeaderMap): string | null {
    return decodedQueryParameter(headers.path, this.name) ?? null
  }

  remove(headers: HeaderMap): void {
    headers.path = removeQueryParameter(headers.path, this.name)
  }
}

class CookieLocation implements TokenLocation {
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  read(headers: HeaderMap): string | null {
    return cookieValue(headers, this.name) ?? null
  }

  /** As Envoy: cookies stay. */
  remove(): void {}
}

export interface LocationsJson {
  readonly fromHeaders?: readonly { readonly name?: string; readonly valuePrefix?: string }[]
  readonly fromParams?: readonly string[]
  readonly fromCookies?: readonly string[]
}

const DEFAULTS: readonly TokenLocation[] = [
  new HeaderLocation('authorization', 'Bearer '),
  new ParameterLocation('access_token'),
]

/** The usual places where none is configured. */
export function tokenLocations({ fromHeaders, fromParams, fromCookies }: LocationsJson): readonly TokenLocation[] {
  const locations = [
    ...(fromHeaders ?? []).map(({ name = '', valuePrefix = '' }) => new HeaderLocation(name, valuePrefix)),
    ...(fromParams ?? []).map(name => new ParameterLocation(name)),
    ...(fromCookies ?? []).map(name => new CookieLocation(name)),
  ]
  return locations.length === 0 ? DEFAULTS : locations
}
