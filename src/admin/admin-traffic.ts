import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** One request to the admin interface and its answer. */
export interface AdminExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Monotonic ms. */
  readonly startMs: number
  /** Bytes of the answer's body handed over so far. */
  bodyBytes: number
}

/** What is told of the admin listener's own traffic; statistics and the access log hang on it. */
export interface AdminTraffic {
  connectionOpened(socket: Socket): void
  requestStarted(exchange: AdminExchange): void
  /** The last byte of the answer is handed over, or the client has gone. */
  requestEnded(exchange: AdminExchange): void
}
