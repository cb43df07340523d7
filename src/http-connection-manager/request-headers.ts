// HOT FILE (docs/hot-path.md): what every request loses and gains before it is routed.
import * as http from '../http/index.ts'
import { type HeaderMap, hasToken } from '../http/index.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'

const HOP_BITS =
  http.CONNECTION.bit |
  http.KEEP_ALIVE.bit |
  http.PROXY_CONNECTION.bit |
  http.TE.bit |
  http.UPGRADE.bit |
  http.TRANSFER_ENCODING.bit

/** Whether any hop-by-hop field is there at all: the straight path ends here. */
export function hasHopByHop(headers: HeaderMap): boolean {
  return (headers.known0 & HOP_BITS) !== 0
}

/** The client does not want the connection kept (RFC 9112, 9.3). */
export function asksForClose(headers: HeaderMap, http10: boolean): boolean {
  const connection = headers.get(http.CONNECTION) ?? headers.get(http.PROXY_CONNECTION)
  if (connection === undefined) return http10
  if (hasToken(connection, 'close')) return true
  return http10 && !hasToken(connection, 'keep-alive')
}

/** The protocol that the client wants to change to, in lower case; null: none. */
export function upgradeType(headers: HeaderMap): string | null {
  const connection = headers.get(http.CONNECTION)
  if (connection === undefined || !hasToken(connection, 'upgrade')) return null
  return headers.get(http.UPGRADE)?.toLowerCase() ?? null
}

/** Removes fields that end at this hop, and those that the `connection` field names: the codec has checked which. */
export function removeHopByHop(headers: HeaderMap, upgrade: boolean): void {
  const connection = headers.get(http.CONNECTION)
  if (connection !== undefined && !upgrade) {
    for (const part of connection.split(',')) {
      const name = part.trim().toLowerCase()
      if (name === '' || name === 'close' || name === 'keep-alive' || name === 'upgrade' || name === 'te') continue
      // A name from outside is looked up, never interned: clients must not grow the table of names.
      removeByText(headers, name)
    }
  }
  if (!upgrade) {
    headers.remove(http.CONNECTION)
    headers.remove(http.UPGRADE)
  }
  const te = headers.get(http.TE)
  if (te !== undefined && te !== 'trailers') {
    const nominated = connection !== undefined && hasToken(connection, 'te')
    const codings = (nominated ? te.toLowerCase() : te).split(',')
    if (codings.some(coding => coding.trim() === 'trailers')) headers.set(http.TE, 'trailers')
    else if (nominated || te !== '') headers.remove(http.TE)
  }
  headers.remove(http.KEEP_ALIVE)
  headers.remove(http.PROXY_CONNECTION)
  headers.remove(http.TRANSFER_ENCODING)
}

function removeByText(headers: HeaderMap, name: string): void {
  for (let i = 0; i < headers.length; i++) if (!headers.isRemoved(i) && headers.nameAt(i) === name) headers.removeAt(i)
}

/** strip_any_host_port, strip_matching_host_port, strip_trailing_host_dot. */
export function normalizeHost(plan: HttpConnectionManagerPlan, headers: HeaderMap, localPort: string): void {
  let host = headers.authority
  const original = host
  if (plan.stripPort !== 'none') {
    const match = /^(.*):(\d+)$/.exec(host)
    if (match !== null && !(match[1] as string).endsWith(':') && (plan.stripPort === 'any' || match[2] === localPort)) {
      host = match[1] as string
    }
  }
  if (plan.stripTrailingHostDot) host = host.replace(/\.(?=:\d+$|$)/, '')
  if (host !== original) headers.authority = host
}

/** add_user_agent and via. */
export function addOwnNames(plan: HttpConnectionManagerPlan, headers: HeaderMap): void {
  if (plan.addUserAgent) addUserAgent(plan, headers)
  if (plan.via !== '') addVia(headers, plan.via)
}

function addUserAgent(plan: HttpConnectionManagerPlan, headers: HeaderMap): void {
  headers.set(http.X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER, plan.userAgentCluster)
  if (!headers.has(http.USER_AGENT)) headers.append(http.USER_AGENT, plan.userAgentCluster)
  if (plan.userAgentNode !== '') headers.set(http.X_ENVOY_DOWNSTREAM_SERVICE_NODE, plan.userAgentNode)
}

export function addVia(headers: HeaderMap, via: string): void {
  const present = headers.get(http.VIA)
  headers.set(http.VIA, present === undefined ? via : `${present}, ${via}`)
}
