import type { Field, FormatContext, HeaderLookup } from '../format-context.ts'

type Headers = (context: FormatContext) => HeaderLookup | null
const SOURCES: Readonly<Record<string, Headers>> = {
  REQ: context => context.requestHeaders,
  REQUEST_HEADER: context => context.requestHeaders,
  RESP: context => context.responseHeaders,
  RESPONSE_HEADER: context => context.responseHeaders,
  TRAILER: context => context.responseTrailers,
  RESPONSE_TRAILER: context => context.responseTrailers,
}

const cut = (text: string, maxLength: number): string => (maxLength < 0 ? text : text.slice(0, maxLength))

/** `REQ(X?Y):Z` and the like: the value of X, or else of Y, cut to Z characters; undefined for any other operator. */
export function headerField(operator: string, argument: string, maxLength: number): Field | undefined {
  const headers = Object.hasOwn(SOURCES, operator) ? SOURCES[operator] : undefined
  const [main = '', alternative, more] = argument.toLowerCase().split('?')
  if (headers === undefined || main === '' || more !== undefined) return undefined
  return context => {
    const map = headers(context)
    const value = map?.lookup(main) ?? (alternative === undefined ? undefined : map?.lookup(alternative))
    return value === undefined ? null : cut(value, maxLength)
  }
}

/** A request header, mostly :path, without what follows the question mark. */
export function headerWithoutQuery(argument: string, maxLength: number): Field | undefined {
  const read = headerField('REQ', argument, -1)
  if (read === undefined) return undefined
  return context => {
    const value = read(context)
    return typeof value === 'string' ? cut(value.split('?')[0] as string, maxLength) : value
  }
}

/** `PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)`: with or without query, before or after rewriting. */
export function pathField(argument: string, maxLength: number): Field | undefined {
  const [query = 'WQ', which = 'ORIG_OR_PATH', more] = argument.split(':')
  if (!['WQ', 'NQ'].includes(query) || !['ORIG', 'PATH', 'ORIG_OR_PATH'].includes(which) || more !== undefined) {
    return undefined
  }
  return ({ requestHeaders }) => {
    const original = requestHeaders?.lookup('x-envoy-original-path')
    const current = requestHeaders?.lookup(':path')
    const value = which === 'ORIG' ? original : which === 'PATH' ? current : (original ?? current)
    if (value === undefined) return null
    return cut(query === 'NQ' ? (value.split('?')[0] as string) : value, maxLength)
  }
}

function queryOf({ requestHeaders }: FormatContext): string | null {
  const path = requestHeaders?.lookup(':path')
  const start = path?.indexOf('?') ?? -1
  return path === undefined || start < 0 ? null : path.slice(start + 1)
}

/** %20 and the like; what is no valid escape stays. A plus sign is one. */
const decoded = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

export function queryParameterField(name: string, maxLength: number): Field {
  return context => {
    for (const pair of queryOf(context)?.split('&') ?? []) {
      const equals = pair.indexOf('=')
      if (decoded(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue
      return cut(equals < 0 ? '' : decoded(pair.slice(equals + 1)), maxLength)
    }
    return null
  }
}

/** The query as it came. Envoy's DECODED form escapes again what it decoded and reads the same. */
export function queryField(argument: string, maxLength: number): Field | undefined {
  if (argument !== 'ORIG' && argument !== 'DECODED') return undefined
  return context => {
    const query = queryOf(context)
    return query === null ? null : cut(query, maxLength)
  }
}

/** `REQUESTED_SERVER_NAME(SNI_ONLY|SNI_FIRST|HOST_FIRST[:ORIG])`: TLS's server name, the authority, or either. */
export function serverNameField(argument: string): Field | undefined {
  const [order = '', which] = argument.split(':')
  if (!['SNI_ONLY', 'SNI_FIRST', 'HOST_FIRST'].includes(order) || ![undefined, 'ORIG', 'HOST'].includes(which)) {
    return undefined
  }
  const header = which === 'ORIG' ? 'x-envoy-original-host' : ':authority'
  return ({ info, requestHeaders }) => {
    const sni = info.connection.requestedServerName || null
    const host = requestHeaders?.lookup(header) ?? null
    if (order === 'SNI_ONLY') return sni
    return order === 'SNI_FIRST' ? (sni ?? host) : (host ?? sni)
  }
}
