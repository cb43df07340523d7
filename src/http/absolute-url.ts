// URLs in fields of a message, as Envoy reads them: latin1 texts, checked and taken apart, never decoded.

const HOST = String.raw`\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+`
const USER = String.raw`[A-Za-z0-9\-_.!~*'()%;:&=+$,]*`
const PATH_AND_QUERY = String.raw`(?:\/[!-"$->@-~]*(?:\?[!-"$-~]*)?|\?[!-"$-~]*)`
// Each part ends where the next begins: matching takes linear time.
const ABSOLUTE = new RegExp(
  String.raw`^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:(${USER})@)?(${HOST})(?::(\d+))?(?:${PATH_AND_QUERY}(?:#([!-~]*))?)?$`,
)

export interface AbsoluteUrl {
  readonly user: string
  readonly hostAndPort: string
  readonly fragment: string
}

/** Null: no absolute URL with a host. */
export function parseAbsoluteUrl(text: string): AbsoluteUrl | null {
  const parts = ABSOLUTE.exec(text)
  if (parts === null) return null
  const [, user = '', host = '', port, fragment = ''] = parts
  if (port !== undefined && Number(port) > 65_535) return null
  return { user, hostAndPort: port === undefined ? host : `${host}:${port}`, fragment }
}
