// HOT FILE (docs/hot-path.md): a JSON array that arrives in pieces, taken apart into its elements.

const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const END = 93
const isOpening = (byte: number): boolean => byte === 91 || byte === 123
const isClosing = (byte: number): boolean => byte === END || byte === 125
const isBlank = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9

const Before = 0
const Inside = 1
const After = 2

/** Finds where elements end; whether they are JSON is told by who parses them. */
export class JsonArraySplitter {
  private state = Before
  private depth = 0
  private inString = false
  private escaped = false
  private elements = 0
  private readonly pieces: Buffer[] = []
  private held = 0
  /** What is wrong; nothing follows. */
  error: string | null = null

  /** Bytes of the element under way. */
  get bytesHeld(): number {
    return this.held
  }

  /** Calls `onElement` with the text of each element that is complete now. */
  write(data: Buffer, start: number, end: number, onElement: (text: string) => void): void {
    let from = start
    for (let at = start; at < end && this.error === null; at++) {
      const byte = data[at]!
      if (this.state !== Inside) {
        this.outside(byte)
        from = at + 1
      } else if (this.inString) {
        if (this.escaped) this.escaped = false
        else if (byte === BACKSLASH) this.escaped = true
        else if (byte === QUOTE) this.inString = false
      } else if (byte === QUOTE) this.inString = true
      else if (isOpening(byte)) this.depth++
      else if (this.depth === 0 && (byte === COMMA || byte === END)) {
        this.keep(data, from, at)
        this.complete(byte === END, onElement)
        from = at + 1
      } else if (isClosing(byte) && --this.depth < 0) this.error = 'Expected , or ] after array value.'
    }
    if (this.state === Inside && this.error === null) this.keep(data, from, end)
  }

  private outside(byte: number): void {
    if (isBlank(byte)) return
    if (this.state === After) this.error = 'Parsing terminated before end of input.'
    else if (byte === 91) this.state = Inside
    else this.error = 'Expected an array instead of an object'
  }

  private keep(data: Buffer, start: number, end: number): void {
    if (end <= start) return
    this.pieces.push(Buffer.copyBytesFrom(data, start, end - start) as Buffer)
    this.held += end - start
  }

  private complete(last: boolean, onElement: (text: string) => void): void {
    const text = Buffer.concat(this.pieces).toString('utf8')
    this.pieces.length = 0
    this.held = 0
    if (last) this.state = After
    if (last && this.elements === 0 && text.trim() === '') return
    this.elements++
    onElement(text)
  }

  /** The body has ended. */
  finish(): void {
    if (this.error !== null || this.state === After) return
    this.error =
      this.state === Before
        ? 'Expected an array instead of an object'
        : 'Unexpected end of string. Expected , or ] after array value.'
  }
}
