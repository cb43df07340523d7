// HOT FILE (docs/hot-path.md): Huffman coding of RFC 7541, 5.2.

// Lengths of the codes by symbol, 256 is EOS (Appendix B). The code is canonical: lengths say it all.
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
]
const EOS = 256

const codes = new Uint32Array(257)
{
  const symbols = CODE_LENGTHS.map((_, symbol) => symbol).sort((a, b) => CODE_LENGTHS[a]! - CODE_LENGTHS[b]! || a - b)
  let code = 0
  let length = CODE_LENGTHS[symbols[0]!]!
  for (const symbol of symbols) {
    code <<= CODE_LENGTHS[symbol]! - length
    length = CODE_LENGTHS[symbol]!
    codes[symbol] = code++
  }
}

// The decoder walks the code tree four bits at a time: state * 16 + nibble -> next state and perhaps one symbol.
const EMITS = 0x1000000
const FAILS = 0x2000000
const transitions = buildTransitions()
/** States in which a string may end: less than eight bits of padding, all of them ones. */
const MAY_END = transitions.mayEnd
const NEXT = transitions.next

function buildTransitions(): { next: Uint32Array; mayEnd: Uint8Array } {
  const children: [number, number][] = [[0, 0]]
  for (let symbol = 0; symbol <= EOS; symbol++) {
    let node = 0
    for (let bit = CODE_LENGTHS[symbol]! - 1; bit >= 0; bit--) {
      const way = ((codes[symbol]! >>> bit) & 1) as 0 | 1
      const pair = children[node]!
      if (bit === 0) pair[way] = -1 - symbol
      else {
        if (pair[way] === 0) pair[way] = children.push([0, 0]) - 1
        node = pair[way]
      }
    }
  }
  const next = new Uint32Array(children.length * 16)
  const mayEnd = new Uint8Array(children.length)
  for (let node = 0, ones = 0; ones < 8; ones++) {
    mayEnd[node] = 1
    node = children[node]![1]
  }
  for (let state = 0; state < children.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) next[state * 16 + nibble] = step(children, state, nibble)
  }
  return { next, mayEnd }
}

function step(children: readonly (readonly [number, number])[], state: number, nibble: number): number {
  let node = state
  let emitted = 0
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node]![((nibble >> bit) & 1) as 0 | 1]
    if (child >= 0) node = child
    else {
      const symbol = -1 - child
      if (symbol === EOS) return FAILS
      emitted = EMITS | (symbol << 16)
      node = 0
    }
  }
  return node | emitted
}

/** Decodes [start, end) of `from` to `to` at `at`; returns the position behind, -1 when it is no valid string. */
export function decodeHuffman(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  let state = 0
  for (let i = start; i < end; i++) {
    const byte = from[i]!
    let entry = NEXT[(state << 4) | (byte >> 4)]!
    if (entry >= EMITS) {
      if (entry >= FAILS) return -1
      to[at++] = entry >> 16
    }
    entry = NEXT[((entry & 0xffff) << 4) | (byte & 15)]!
    if (entry >= EMITS) {
      if (entry >= FAILS) return -1
      to[at++] = entry >> 16
    }
    state = entry & 0xffff
  }
  return MAY_END[state] === 1 ? at : -1
}

/** Bytes that [start, end) takes when Huffman-coded. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  let bits = 0
  for (let i = start; i < end; i++) bits += CODE_LENGTHS[bytes[i]!]!
  return (bits + 7) >> 3
}

/** Encodes [start, end) of `from` to `to` at `at`; returns the position behind. */
export function encodeHuffman(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  // Fewer than eight bits wait at any time; a code has 30 at most, so they go out in steps of at most 24.
  let waiting = 0
  let count = 0
  for (let i = start; i < end; i++) {
    const symbol = from[i]!
    let left = CODE_LENGTHS[symbol]!
    while (left > 0) {
      const take = Math.min(left, 16)
      left -= take
      waiting = (waiting << take) | ((codes[symbol]! >>> left) & ((1 << take) - 1))
      count += take
      while (count >= 8) {
        count -= 8
        to[at++] = waiting >>> count
        waiting &= (1 << count) - 1
      }
    }
  }
  if (count > 0) to[at++] = (waiting << (8 - count)) | (0xff >> count)
  return at
}
