// HOT FILE (docs/hot-path.md): what a request must be before it is routed, and what is answered where it is not.
import * as http from '../http/index.ts'
import { type HeaderMap, HttpStats as S } from '../http/index.ts'
import type { ActiveStream } from './active-stream.ts'
import { normalizePath, PathOk, PathRedirected } from './path-normalization.ts'

const SLASH = 47

/** False: the request has been answered. */
export function acceptPath(stream: ActiveStream, headers: HeaderMap): boolean {
  const { cells } = stream.manager
  if (headers.bytes[headers.pathStart] !== SLASH && !headers.path.startsWith('/')) {
    cells[S.RQ_NON_RELATIVE_PATH]! += 1
    stream.sendLocalReply(404, '', 'absolute_path_rejected', null)
    return false
  }
  const outcome = normalizePath(headers, stream.manager.plan.path)
  if (outcome === PathOk) return true
  if (outcome === PathRedirected) {
    cells[S.RQ_REDIRECTED_PATH]! += 1
    const location = headers.path
    stream.sendLocalReply(307, '', 'path_normalization_failed', reply => reply.append(http.LOCATION, location))
    return false
  }
  cells[S.RQ_FAILED_PATH_NORMALIZATION]! += 1
  stream.rejectRequest(400, 'path_normalization_failed')
  return false
}

/** Whether the client waits for leave to send its body (RFC 9110, 10.1.1): it is told by us, so the origin is not asked. */
export function asksToGoOn(headers: HeaderMap): boolean {
  if (headers.get(http.EXPECT)?.toLowerCase() !== '100-continue') return false
  headers.remove(http.EXPECT)
  return true
}

/** What is wrong with a request that came in good order, as response code details. */
export function problemOf(headers: HeaderMap): string | null {
  if (!headers.has(http.HOST)) return 'missing_host_header'
  // What is asked for stands in the body, which says its type.
  if (headers.method === 'QUERY' && (headers.get(http.CONTENT_TYPE) ?? '') === '') return 'query_missing_content_type'
  return null
}
