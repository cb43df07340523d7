/** Bytes [first, last]. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** Null: the whole of it, also for several ranges and for what is no range of bytes; 'unsatisfiable': 416. */
export function byteRange(text: string | undefined, length: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(text ?? '')
  if (match === null) return null
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const wanted = Math.min(Number(suffix), length)
    return wanted === 0 ? 'unsatisfiable' : { first: length - wanted, last: length - 1 }
  }
  const from = Number(first)
  if (last !== '' && Number(last) < from) return null
  if (from >= length) return 'unsatisfiable'
  return { first: from, last: last === '' ? length - 1 : Math.min(Number(last), length - 1) }
}
