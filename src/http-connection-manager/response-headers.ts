// HOT FILE (docs/hot-path.md): what every response loses and gains on its way out.

import type { HeaderMap } from '../http/index.ts'
import * as http from '../http/index.ts'
import type { ThreadContext } from '../net/index.ts'
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

function removeHopByHop(headers: HeaderMap, upgrade: boolean): void {
  if (!upgrade) {
    headers.remove(http.CONNECTION)
    headers.remove(http.UPGRADE)
  }
  headers.remove(http.TRANSFER_ENCODING)
  headers.remove(http.KEEP_ALIVE)
  headers.remove(http.PROXY_CONNECTION)
}
