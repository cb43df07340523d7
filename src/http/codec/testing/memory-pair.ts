// Test kit: moves bytes between two connections without sockets.
import type { MemoryConnection } from './memory-connection.ts'

interface Half {
  dispatch(data: Buffer, start: number, end: number): void
}

/** Until both are silent; `settle` runs after each round, for what follows a finished stream. */
export function pumpBetween(
  client: { readonly codec: Half; readonly memory: MemoryConnection },
  server: { readonly codec: Half; readonly memory: MemoryConnection },
  pieceBytes: number,
  settle: () => void = () => {},
): void {
  for (;;) {
    const up = client.memory.take()
    const down = server.memory.take()
    if (up.length === 0 && down.length === 0) return
    feed(server.codec, up, pieceBytes)
    feed(client.codec, down, pieceBytes)
    settle()
  }
}

function feed(half: Half, bytes: Buffer, pieceBytes: number): void {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // A copy of its own: nothing may rely on bytes that stood beside it.
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes))
    half.dispatch(piece, 0, piece.length)
  }
}
