// Where a token may stand in a request.
import {
  cookieValue,
  decodedQueryParameter,
  type HeaderMap,
  HeaderName,
  removeQueryParameter,
} from '../../../http/index.ts'

export interface TokenLocation {
  /** Equal keys are one place; places are looked at from the last to the first by it. */
  readonly key: string
  /** Null: nothing is there. */
  read(headers: HeaderMap): string | null
  remove(headers: HeaderMap): void
}

/** Where a token begins behind its prefix. */
const BASE64URL_CHAR = /[A-Za-z0-9_-]/

class HeaderLocation implements TokenLocation {
  readonly key: string
  private readonly name: HeaderName
  private readonly prefix: string

  constructor(name: string, prefix: string) {
    this.key = `1 ${name.toLowerCase()}${prefix}`
    this.name = HeaderName.of(name)
    this.prefix = prefix
  }

  read(headers: HeaderMap): string | null {
    const value = headers.get(this.name)
    if (value === undefined) return null
    if (this.prefix === '') return value
    const at = value.indexOf(this.prefix)
    if (at < 0) return null
    const rest = value.slice(at + this.prefix.length)
    const start = rest.search(BASE64URL_CHAR)
    return start < 0 ? rest : rest.slice(start)
  }

  remove(headers: HeaderMap): void {
    headers.remove(this.name)
  }
}

class ParameterLocation implements TokenLocation {
  readonly key: string
  private readonly name: string

  constructor(name: string) {
    this.key = `2 ${name}`
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
  readonly key: string
  private readonly name: string

  constructor(name: string) {
    this.key = `3 ${name}`
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
  new ParameterLocation('access_token'),
  new HeaderLocation('authorization', 'Bearer '),
]

/** The usual places where none is configured. */
export function tokenLocations({ fromHeaders, fromParams, fromCookies }: LocationsJson): readonly TokenLocation[] {
  const locations = [
    ...(fromHeaders ?? []).map(({ name = '', valuePrefix = '' }) => new HeaderLocation(name, valuePrefix)),
    ...(fromParams ?? []).map(name => new ParameterLocation(name)),
    ...(fromCookies ?? []).map(name => new CookieLocation(name)),
  ]
  return locations.length === 0 ? DEFAULTS : inOrder(locations)
}

/** As Envoy: the last place first. */
function inOrder(locations: readonly TokenLocation[]): readonly TokenLocation[] {
  return [...new Map(locations.map(location => [location.key, location])).values()].sort((a, b) =>
    a.key < b.key ? 1 : -1,
  )
}

/** A place where tokens of several issuers may stand. */
export interface SharedLocation {
  readonly location: TokenLocation
  /** Null: those of anybody. */
  readonly issuers: ReadonlySet<string> | null
}

/** All places of all providers. */
export function sharedLocations(
  providers: Iterable<{ readonly issuer: string; readonly locations: readonly TokenLocation[] }>,
): readonly SharedLocation[] {
  const all = [...providers]
  return inOrder(all.flatMap(({ locations }) => locations)).map(location => {
    const users = all.filter(({ locations }) => locations.some(({ key }) => key === location.key))
    const anybody = users.some(({ issuer }) => issuer === '')
    return { location, issuers: anybody ? null : new Set(users.map(({ issuer }) => issuer)) }
  })
}
