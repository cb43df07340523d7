// HOT FILE (docs/hot-path.md): random ids of traces and spans; the bytes come in large gulps.
import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 16384
const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let position = POOL_BYTES

/** So many random bytes in hex; a few at a time. */
export function randomHex(bytes: number): string {
  if (position + bytes > POOL_BYTES) {
    randomFillSync(pool)
    position = 0
  }
  const from = position
  position += bytes
  return pool.toString('hex', from, position)
}
