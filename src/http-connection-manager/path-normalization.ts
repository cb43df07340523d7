// RFC 3986 6.2.2 as Envoy applies it; off by default, and then a path costs two comparisons.
import type { HeaderMap } from '../http/index.ts'

export type EscapedSlashes = 'KEEP_UNCHANGED' | 'REJECT_REQUEST' | 'UNESCAPE_AND_REDIRECT' | 'UNESCAPE_AND_FORWARD'

export interface PathNormalization {
  readonly normalize: boolean
  readonly mergeSlashes: boolean
  readonly escapedSlashes: EscapedSlashes
}

export const PathOk = 0
export const PathRejected = 1
/** The client is sent to the normalised path. */
export const PathRedirected = 2
export type PathOutcome = typeof PathOk | typeof PathRejected | typeof PathRedirected

const HASH = 35

/** Normalises the path in place. A fragment is refused always: servers disagree on what it means. */
export function normalizePath(headers: HeaderMap, plan: PathNormalization): PathOutcome {
  if (headers.pathIsBytes) {
    const { bytes, pathStart, pathEnd } = headers
    for (let i = pathStart; i < pathEnd; i++) if (bytes[i] === HASH) return PathRejected
  } else if (headers.path.includes('#')) return PathRejected
  if (!plan.normalize && !plan.mergeSlashes && plan.escapedSlashes === 'KEEP_UNCHANGED') return PathOk
  return rewrite(headers, plan)
}

function rewrite(headers: HeaderMap, plan: PathNormalization): PathOutcome {
  const whole = headers.path
  const query = whole.indexOf('?')
  const tail = query < 0 ? '' : whole.slice(query)
  let path: string | null = query < 0 ? whole : whole.slice(0, query)
  let redirect = false
  if (plan.escapedSlashes !== 'KEEP_UNCHANGED') {
    const unescaped: string = path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\')
    if (unescaped !== path) {
      if (plan.escapedSlashes === 'REJECT_REQUEST') {
        // The log shows what the path would have meant.
        headers.path = unescaped + tail
        return PathRejected
      }
      redirect = plan.escapedSlashes === 'UNESCAPE_AND_REDIRECT'
      path = unescaped
    }
  }
  if (plan.normalize) path = canonical(path)
  if (path === null) return PathRejected
  // Nothing but slashes stays two of them (Envoy).
  if (plan.mergeSlashes) path = /^\/{2,}$/.test(path) ? '//' : path.replace(/\/{2,}/g, '/')
  if (path + tail !== whole) headers.path = path + tail
  return redirect ? PathRedirected : PathOk
}

/** Printable characters that no path may hold (RFC 3986, 3.3). */
const NEVER_IN_PATHS = /["<>^`{|}]/g

/** Decodes unreserved escapes, encodes what must be, turns backslashes, resolves dot segments; null: no valid path. */
function canonical(path: string): string | null {
  if (/%00/.test(path)) return null
  const decoded = path
    // A dot segment stays one with parameters behind it, unless its dots are escaped (Envoy).
    .replace(/(^|\/)(\.\.?);[^/]*/g, '$1$2')
    .replace(/%([0-9a-fA-F]{2})/g, (encoded, hex: string) => {
      const char = String.fromCharCode(Number.parseInt(hex, 16))
      return /[A-Za-z0-9\-._~]/.test(char) ? char : encoded
    })
    .replaceAll('\\', '/')
    .replace(NEVER_IN_PATHS, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const out: string[] = []
  const segments = decoded.split('/').slice(1)
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1
    if (segment === '..') {
      out.pop()
      if (last) out.push('')
    } else if (segment === '.') {
      if (last) out.push('')
    } else out.push(segment)
  })
  return `/${out.join('/')}`
}
