import type { ServerResponse } from 'node:http'
import type { AdminExchange } from './admin-traffic.ts'

/** What a handler answers with: all of it, or rendered piece by piece; bytes come asynchronously only. */
export type Body = string | Iterable<string> | AsyncIterable<string | Uint8Array>

/** Text is gathered into writes of about this many characters: one chunk per line would cost more than rendering it. */
const CHUNK_CHARS = 65_536
/** How long rendering may hold the main thread, which also runs health checks and DNS, before others get a turn. */
const SLICE_MS = 5

/** Resolves when the response can take more (true) or has gone away (false). */
function writable(response: ServerResponse): Promise<boolean> {
  return new Promise(resolve => {
    const done = (alive: boolean) => {
      response.off('drain', onDrain)
      response.off('close', onClose)
      resolve(alive)
    }
    const onDrain = () => done(true)
    const onClose = () => done(false)
    response.once('drain', onDrain)
    response.once('close', onClose)
    if (response.destroyed) done(false)
  })
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/**
 * Writes a body and ends the response. Iterables are pulled only as fast as the client reads and in slices of a few
 * milliseconds, so neither a slow client nor a million statistics hold memory or the main thread.
 */
export async function writeBody(exchange: AdminExchange, body: Body): Promise<void> {
  const { response } = exchange
  if (typeof body === 'string') {
    exchange.bodyBytes = Buffer.byteLength(body)
    response.end(body)
    return
  }
  if (Symbol.asyncIterator in body) {
    for await (const piece of body) {
      exchange.bodyBytes += piece.length
      if (!response.write(piece) && !(await writable(response))) return
    }
    response.end()
    return
  }
  let pending = ''
  let sliceStartMs = performance.now()
  for (const piece of body) {
    pending += piece
    if (pending.length >= CHUNK_CHARS) {
      exchange.bodyBytes += Buffer.byteLength(pending)
      const full = !response.write(pending)
      pending = ''
      // When the kernel takes it all, 'drain' comes within this very turn: the slice goes on, it does not begin anew.
      if (full && !(await writable(response))) return
    }
    if (performance.now() - sliceStartMs >= SLICE_MS) {
      await nextTurn()
      if (response.destroyed) return
      sliceStartMs = performance.now()
    }
  }
  exchange.bodyBytes += Buffer.byteLength(pending)
  response.end(pending)
}
