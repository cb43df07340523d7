import { serialize } from 'node:v8'
import type { SharedBytes } from '../upstream/index.ts'

/** Serialises resources into one piece of memory that all threads share: copied once, however many workers there are. */
export function shareResources(resources: readonly object[]): readonly SharedBytes[] {
  const pieces = resources.map(resource => serialize(resource))
  const memory = new SharedArrayBuffer(pieces.reduce((total, piece) => total + piece.length, 0))
  const bytes = new Uint8Array(memory)
  let offset = 0
  return pieces.map(piece => {
    bytes.set(piece, offset)
    const place = { memory, offset, length: piece.length }
    offset += piece.length
    return place
  })
}
