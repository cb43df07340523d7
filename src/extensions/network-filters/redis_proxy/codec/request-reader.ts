// HOT FILE (docs/hot-path.md): requests of a client; most are arrays of bulk strings and stand in what was read.
import { CR, LF, MAX_LINE_BYTES, RespReader, respCommand } from '../../../../net/resp/index.ts'
import { inlineWords } from './inline-command.ts'

/** What a line of words may begin with (Envoy): letters, digits, blanks and quotes. */
const BEGINS_WORDS = new Uint8Array(256)
for (const sign of ' \t\n\v\f\r"\'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz') {
  BEGINS_WORDS[sign.charCodeAt(0)] = 1
}

export class RequestReader extends RespReader {
  /** Bytes of a line that have been looked at. */
  private lineOffset = 0

  protected override next(bytes: Buffer, at: number, end: number): number {
    return BEGINS_WORDS[bytes[at]!] === 0 ? super.next(bytes, at, end) : this.words(bytes, at, end)
  }

  private words(bytes: Buffer, start: number, end: number): number {
    let at = start + this.lineOffset
    while (at < end && bytes[at] !== CR) at++
    if (at - start > MAX_LINE_BYTES) return this.fail()
    if (at + 1 >= end) {
      this.lineOffset = at - start
      this.scanner.missing = 1
      return -1
    }
    this.lineOffset = 0
    const words = bytes[at + 1] === LF ? inlineWords(bytes.latin1Slice(start, at)) : null
    if (words === null) return this.fail()
    const command = Buffer.from(respCommand(words), 'latin1')
    this.scanner.scan(command, 0, command.length)
    this.sink.onRespValue(command, 0, command.length)
    return at + 2
  }

  private fail(): number {
    this.scanner.broken = true
    return -1
  }
}
