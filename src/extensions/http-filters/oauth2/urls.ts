// URLs that browsers are sent to: no line break, no second host in disguise, and only to where they may go.

/** An absolute http(s) URL of visible characters, without user and without backslashes, which browsers take for slashes. */
const ABSOLUTE =
  /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f/?#\\@:[\]]+)(?::(\d{1,5}))?((?:[/?#][^\x00-\x20\x7f\\]*)?)$/i

export interface AbsoluteUrl {
  /** Lower case, without port and brackets. */
  readonly host: string
  /** What follows the authority; '/' at least. */
  readonly path: string
}

/** Null: it is none. */
export function parseAbsoluteUrl(text: string): AbsoluteUrl | null {
  const match = ABSOLUTE.exec(text)
  if (match === null) return null
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return null
  const path = match[4] ?? ''
  return {
    host: (match[2] as string).replace(/^\[|\]$/g, '').toLowerCase(),
    path: path.startsWith('/') ? path : `/${path}`,
  }
}

/** `domains`: lower case; '*.example.com' is every host below example.com. An empty list allows all. */
export function isAllowedUrl(text: string, domains: readonly string[]): boolean {
  if (domains.length === 0) return true
  const url = parseAbsoluteUrl(text)
  if (url === null) return false
  return domains.some(domain =>
    domain.startsWith('*.')
      ? url.host.endsWith(domain.slice(1)) && url.host.length > domain.length - 1
      : url.host === domain,
  )
}
