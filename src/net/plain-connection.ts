import { Connection } from './connection.ts'
import type { ThreadContext } from './thread.ts'
import { RawBufferSocket } from './transport-socket/raw-buffer-socket.ts'
import type { AcceptedHandle } from './transport-socket/stream-handle.ts'

/** Takes over an accepted handle. Nothing is read before `startReading`. */
export function adoptConnection(thread: ThreadContext, handle: AcceptedHandle): Connection {
  handle.setNoDelay?.(true)
  const socket = new RawBufferSocket(thread, handle)
  socket.connection = new Connection(thread, socket, false)
  return socket.connection
}

/** Puts a handle that has just connected under a connection that waited for it, and reads from it. */
export function attachHandle(connection: Connection, handle: AcceptedHandle): void {
  handle.setNoDelay?.(true)
  const socket = new RawBufferSocket(connection.thread, handle)
  socket.connection = connection
  connection.socket = socket
  socket.resume()
}

/**
 * Takes the handle away from a connection without a transport of its own, so that one can go under the connection.
 * Null when it is closed already.
 */
export function detachHandle(connection: Connection): AcceptedHandle | null {
  return (connection.socket as RawBufferSocket).detach()
}

/** Starts reading from a connection that was taken over. */
export function startReading(connection: Connection): void {
  if (!connection.readDisabled) connection.socket.resume()
}
