// HOT FILE (docs/hot-path.md): what every response loses and gains on its way out.

import type { HeaderMap } from '../http/index.ts'
import * as http from '../http/index.ts'
import { HttpStats as S } from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
import type { ActiveStream } from './active-stream.ts'
import type { ConnectionManager } from './connection-manager.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'

const HOP_BITS =
  http.CONNECTION.bit | http.TRANSFER_ENCODING.bit | http.KEEP_ALIVE.bit | http.PROXY_CONNECTION.bit | http.UPGRADE.bit

/** The date line, made anew once per second and thread. */
let dateLine = new http.PreparedLine(http.DATE, '')
let dateValidUntilMs = -1

function currentDateLine(thread: ThreadContext): http.PreparedLine {
  const { now } = thread.clock
  if (now >= dateValidUntilMs) {
    const wallMs = thread.clock.wallMs()
    dateLine = new http.PreparedLine(http.DATE, new Date(wallMs).toUTCString())
    dateValidUntilMs = now + 1000 - (wallMs % 1000)
  }
  return dateLine
}

/** Prepared lines of one plan. */
export class ResponseLines {
  readonly server: http.PreparedLine

  constructor(plan: HttpConnectionManagerPlan) {
    this.server = new http.PreparedLine(http.SERVER, plan.serverName)
  }
}

const linesOf = new WeakMap<HttpConnectionManagerPlan, ResponseLines>()
export function responseLines(plan: HttpConnectionManagerPlan): ResponseLines {
  let lines = linesOf.get(plan)
  if (lines === undefined) {
    lines = new ResponseLines(plan)
    linesOf.set(plan, lines)
  }
  return lines
}

/** Hop-by-hop fields go (RFC 9110, 7.6.1), `date` and `server` come. */
export function mutateResponse(
  plan: HttpConnectionManagerPlan,
  thread: ThreadContext,
  headers: HeaderMap,
  upgrade: boolean,
): void {
  if ((headers.known0 & HOP_BITS) !== 0) removeHopByHop(headers, upgrade)
  if (!headers.has(http.DATE)) headers.appendPrepared(currentDateLine(thread))
  const lines = responseLines(plan)
  if (plan.serverTransformation === 'OVERWRITE') {
    headers.setPrepared(lines.server)
  } else if (plan.serverTransformation === 'APPEND_IF_ABSENT' && !headers.has(http.SERVER)) {
    headers.appendPrepared(lines.server)
  }
}

/** x-request-id, told to the client too. */
export function echoRequestId({ requestHeaders, manager }: ActiveStream, headers: HeaderMap): void {
  const { alwaysSetRequestIdInResponse } = manager.plan
  if (!alwaysSetRequestIdInResponse && requestHeaders?.has(http.X_ENVOY_FORCE_TRACE) !== true) return
  const id = requestHeaders?.get(http.X_REQUEST_ID)
  if (id !== undefined) headers.set(http.X_REQUEST_ID, id)
}

/** Says `connection: close` where this is the connection's last response; HTTP/2 says GOAWAY. */
export function announceClose(manager: ConnectionManager, headers: HeaderMap): void {
  const { drain, overload } = manager.thread
  if (drain.draining && manager.mayDrain && drain.drainClose()) {
    manager.cells[S.CX_DRAIN_CLOSE]! += 1
    manager.lastRequest()
  }
  if (overload.takes('disable_http_keepalive') && manager.mayDrain) {
    manager.cells[S.CX_OVERLOAD_DISABLE_KEEPALIVE]! += 1
    manager.lastRequest()
  }
  if (manager.multiplexed) return
  if (manager.codec.protocol === 'HTTP/1.0') {
    // Without a length the end of the connection is the end of the body (RFC 9112, 6.3). As Envoy, bodiless ones too.
    if (!headers.has(http.CONTENT_LENGTH)) manager.closing = true
    headers.append(http.CONNECTION, manager.closing ? 'close' : 'keep-alive')
  } else if (manager.closing) headers.append(http.CONNECTION, 'close')
}

function removeHopByHop(headers: HeaderMap, upgrade: boolean): void {
  if (!upgrade) {
    headers.remove(http.CONNECTION)
    headers.remove(http.UPGRADE)
  }
  headers.remove(http.TRANSFER_ENCODING)
  headers.remove(http.KEEP_ALIVE)
  headers.remove(http.PROXY_CONNECTION)
}
