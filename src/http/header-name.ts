// HOT FILE (docs/hot-path.md): names are interned at plan time; a request compares one integer and a few bytes.

/** Cheap fingerprint of a lower-case name: length and three of its bytes. Equal names have equal fingerprints. */
export function fingerprint(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  return ((length & 0xff) << 24) | (bytes[start]! << 16) | (bytes[start + (length >> 1)]! << 8) | bytes[end - 1]!
}

const interned = new Map<string, HeaderName>()

/** A header's name in lower case, interned: two equal names are the same object. */
export class HeaderName {
  readonly text: string
  readonly bytes: Uint8Array
  /** 'name: ' as bytes, ready to be written. */
  readonly prefix: Uint8Array
  readonly print: number
  /** Bit in HeaderMap.known0, known1 or known2, as `word` says; 0 for names the proxy does not look for itself. */
  readonly bit: number
  readonly word: 0 | 1 | 2

  private constructor(text: string, knownIndex: number) {
    this.text = text
    this.bytes = Buffer.from(text, 'latin1')
    this.prefix = Buffer.from(`${text}: `, 'latin1')
    this.print = text.length === 0 ? 0 : fingerprint(this.bytes, 0, this.bytes.length)
    this.bit = knownIndex < 0 ? 0 : 1 << (knownIndex & 31)
    this.word = knownIndex >= 64 ? 2 : knownIndex >= 32 ? 1 : 0
  }

  /** Plan time only: interns `name` in lower case. */
  static of(name: string): HeaderName {
    const text = name.toLowerCase()
    let found = interned.get(text)
    if (found === undefined) {
      found = new HeaderName(text, -1)
      interned.set(text, found)
    }
    return found
  }

  /** For names that come with requests: one that is not interned yet is not kept either. */
  static named(name: string): HeaderName {
    const text = name.toLowerCase()
    return interned.get(text) ?? new HeaderName(text, -1)
  }

  /** Names that have a presence bit, in the order of their bits; called once, by known-headers.ts. */
  static known(names: readonly string[]): HeaderName[] {
    return names.map((text, index) => {
      const name = new HeaderName(text, index)
      interned.set(text, name)
      return name
    })
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.bytes
    if (end - start !== own.length) return false
    for (let i = 0; i < own.length; i++) if (own[i] !== bytes[start + i]) return false
    return true
  }
}
