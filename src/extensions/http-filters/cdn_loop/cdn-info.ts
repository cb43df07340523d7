// The CDN-Loop header (RFC 8586): a list of cdn-ids, each with parameters. Read in one pass.

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const IP_LITERAL = /\[[0-9A-Fa-f:.]+\]/y
const PORT = /:[0-9]*/y
const QUOTED = /"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"/y
const BLANKS = /[ \t]*/y

class Reader {
  at = 0
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  get end(): boolean {
    return this.at >= this.text.length
  }

  /** The longest match here, taken; null: none. */
  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null) return null
    this.at = pattern.lastIndex
    return match[0]
  }

  takeChar(char: string): boolean {
    if (this.text[this.at] !== char) return false
    this.at++
    return true
  }

  skipBlanks(): void {
    this.take(BLANKS)
  }
}

/** A host with an optional port, or a pseudonym; null: neither. */
function takeCdnId(reader: Reader): string | null {
  const start = reader.at
  if (reader.take(IP_LITERAL) === null && reader.take(TOKEN) === null) return null
  reader.take(PORT)
  return reader.text.slice(start, reader.at)
}

/** `*( OWS ";" OWS parameter )`; false: malformed. */
function takeParameters(reader: Reader): boolean {
  for (;;) {
    reader.skipBlanks()
    if (!reader.takeChar(';')) return true
    reader.skipBlanks()
    if (reader.take(TOKEN) === null || !reader.takeChar('=')) return false
    if (reader.take(TOKEN) === null && reader.take(QUOTED) === null) return false
  }
}

export function isCdnId(text: string): boolean {
  const reader = new Reader(text)
  return takeCdnId(reader) !== null && reader.end
}

/** How often `cdnId` stands in the header; -1: the header is malformed. */
export function countCdnId(header: string, cdnId: string): number {
  const reader = new Reader(header)
  let count = 0
  for (;;) {
    reader.skipBlanks()
    if (reader.takeChar(',')) continue
    if (reader.end) return count
    const id = takeCdnId(reader)
    if (id === null || !takeParameters(reader)) return -1
    if (id === cdnId) count++
    if (!reader.end && !reader.takeChar(',')) return -1
  }
}
