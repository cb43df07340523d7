// The canonical form of a request that AWS signatures are made over, with the choices that Envoy makes.
import type { HeaderMap } from '../headers.ts'

/** Percent-encodes all but unreserved characters and those that `also` matches; texts are bytes. */
function encode(text: string, also: RegExp = /(?!)/): string {
  let out = ''
  for (const char of text) {
    const plain = /[A-Za-z0-9\-._~]/.test(char) || also.test(char)
    out += plain ? char : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

function decode(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** Without `.`, `..` and empty segments. */
function normalized(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const end = path.endsWith('/') && segments.length > 0 ? '/' : ''
  return `/${segments.join('/')}${end}`
}

/** S3 takes paths as they are, and encoded once; other services take them normalized, and encoded once more. */
export function canonicalPath(path: string, service: string): string {
  const slash = /\//
  if (service.toLowerCase() !== 's3') return encode(normalized(path), slash)
  return /^[A-Za-z0-9\-._~/%]*$/.test(path) ? path : encode(path, slash)
}

export function queryParameters(query: string): (readonly [name: string, value: string])[] {
  return query
    .split('&')
    .filter(part => part !== '')
    .map(part => {
      const equals = part.indexOf('=')
      const [name, value] = equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
      return [decode(name.replaceAll('+', ' ')), decode(value.replaceAll('+', ' '))] as const
    })
}

/** As it is sent: sorted by name; what has the same name keeps its order. */
export function writtenQuery(parameters: readonly (readonly [name: string, value: string])[]): string {
  return parameters
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** As it is signed: sorted by name, then value. */
export function canonicalQuery(parameters: readonly (readonly [name: string, value: string])[]): string {
  return parameters
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : x > y ? 1 : 0) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** Which of a request's headers are signed; `host`, `content-type` and `x-amz-...` always are. */
export type SignsHeader = (name: string) => boolean

function isAlwaysSigned(name: string): boolean {
  return name === 'host' || name === 'content-type' || name.startsWith('x-amz-')
}

/** By name, sorted; several lines of one are joined, blanks are single, and what is empty is left out. */
export function canonicalHeaders(headers: HeaderMap, signs: SignsHeader): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  headers.forEach((name, value) => {
    if (name === 'host' || value === '' || !(isAlwaysSigned(name) || signs(name))) return
    const text = value.trim().replace(/[ \t]+/g, ' ')
    const before = found.get(name)
    found.set(name, before === undefined ? text : `${before},${text}`)
  })
  found.set('host', headers.authority.replace(/:(?:80|443)$/, ''))
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function canonicalRequest(
  method: string,
  path: string,
  query: string,
  headers: ReadonlyMap<string, string>,
  payloadHash: string,
): string {
  const lines = Array.from(headers, ([name, value]) => `${name}:${value}\n`).join('')
  return `${method}\n${path}\n${query}\n${lines}\n${[...headers.keys()].join(';')}\n${payloadHash}`
}
