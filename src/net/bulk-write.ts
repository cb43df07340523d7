// HOT FILE (docs/hot-path.md): large pieces of bodies, which go out from the private buffer that they were read into.
import type { TransportSocket } from './connection-contract.ts'
import type { ThreadBuffers } from './thread-buffers.ts'

/** The buffer comes back once the kernel has all of it. */
export function writeTaken(
  socket: TransportSocket,
  buffers: ThreadBuffers,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  let settled = false
  socket.write(bytes.subarray(start, end), () => {
    if (settled) buffers.releaseBulk(bytes)
    settled = true
  })
  // Node calls back a whole synchronous write only in the next tick; an empty queue says it now.
  settled = socket.writableLength > 0
  if (!settled) buffers.giveBack(bytes)
}
