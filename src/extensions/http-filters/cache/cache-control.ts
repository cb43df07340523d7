// Cache-Control of both sides (RFC 9111, 5.2). What is malformed counts as not said.
const TOKEN = /\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?\s*(?:,|$)/y

function directives(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  TOKEN.lastIndex = 0
  for (;;) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) {
      // Past what is no directive: the next comma begins a new one.
      const comma = text.indexOf(',', at)
      if (comma < 0) return found
      TOKEN.lastIndex = comma + 1
      continue
    }
    found.set(match[1]!.toLowerCase(), match[2] ?? match[3] ?? '')
    if (TOKEN.lastIndex >= text.length) return found
  }
}

/** Seconds; null: not said. */
function seconds(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null
}

export interface RequestCacheControl {
  readonly mustValidate: boolean
  readonly noStore: boolean
  readonly maxAge: number | null
  readonly minFresh: number | null
  /** Infinity: however stale; null: not at all. */
  readonly maxStale: number | null
}

export const NOTHING_ASKED: RequestCacheControl = Object.freeze({
  mustValidate: false,
  noStore: false,
  maxAge: null,
  minFresh: null,
  maxStale: null,
})

/** Pragma counts only where there is no Cache-Control. */
export function requestCacheControl(text: string | undefined, pragma: string | undefined): RequestCacheControl {
  if (text === undefined) {
    const mustValidate = pragma !== undefined && directives(pragma).has('no-cache')
    return mustValidate ? { ...NOTHING_ASKED, mustValidate } : NOTHING_ASKED
  }
  const said = directives(text)
  const maxStale = said.get('max-stale')
  return {
    mustValidate: said.has('no-cache'),
    noStore: said.has('no-store'),
    maxAge: seconds(said.get('max-age')),
    minFresh: seconds(said.get('min-fresh')),
    maxStale: maxStale === '' ? Number.POSITIVE_INFINITY : seconds(maxStale),
  }
}

export interface ResponseCacheControl {
  readonly mustValidate: boolean
  readonly noStore: boolean
  /** Once stale it is not to be used, whatever the client accepts. */
  readonly noStale: boolean
  readonly maxAge: number | null
}

export function responseCacheControl(text: string): ResponseCacheControl {
  const said = directives(text)
  return {
    mustValidate: said.has('no-cache'),
    noStore: said.has('no-store') || said.has('private'),
    noStale: said.has('must-revalidate') || said.has('proxy-revalidate'),
    // This cache is a shared one.
    maxAge: said.has('s-maxage') ? (seconds(said.get('s-maxage')) ?? 0) : seconds(said.get('max-age')),
  }
}
