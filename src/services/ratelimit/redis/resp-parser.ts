// HOT FILE (docs/hot-path.md): replies of Redis (RESP2).

/** An error that Redis answered with: 'OOM command not allowed ...'. */
export class RedisError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

export type RedisReply = number | string | null | RedisError | readonly RedisReply[]

const CR = 13
const COLON = 58
const MINUS = 45
const PLUS = 43
const DOLLAR = 36
const STAR = 42

/** No reply that was asked for comes near; what is longer is not Redis. */
const MAX_HELD_BYTES = 1 << 20
const MAX_DEPTH = 4

/** Stands for a reply that is not complete yet. */
const INCOMPLETE = Symbol('incomplete')

/** Takes replies out of what arrives, in whatever pieces. */
export class RespParser {
  /** What came is no RESP: nothing can be read any more. */
  broken = false
  private readonly onReply: (reply: RedisReply) => void
  private held: Buffer | null = null
  private at = 0

  constructor(onReply: (reply: RedisReply) => void) {
    this.onReply = onReply
  }

  /** Bytes [start, end) are only valid during the call. */
  feed(data: Buffer, start: number, end: number): void {
    let bytes = data
    this.at = start
    if (this.held !== null) {
      bytes = Buffer.concat([this.held, data.subarray(start, end)])
      this.at = 0
      end = bytes.length
      this.held = null
    }
    while (this.at < end && !this.broken) {
      const begin = this.at
      const reply = this.read(bytes, end, 0)
      if (reply === INCOMPLETE) {
        this.hold(bytes, begin, end)
        return
      }
      if (!this.broken) this.onReply(reply)
    }
  }

  private hold(bytes: Buffer, start: number, end: number): void {
    if (end - start > MAX_HELD_BYTES) this.broken = true
    else this.held = Buffer.copyBytesFrom(bytes, start, end - start) as Buffer
  }

  private read(bytes: Buffer, end: number, depth: number): RedisReply | typeof INCOMPLETE {
    const type = bytes[this.at]!
    const first = this.at + 1
    // Most replies are numbers: they are read digit by digit, and end where the line does.
    const line = type === COLON || type === DOLLAR || type === STAR ? this.number(bytes, first, end) : null
    if (line === INCOMPLETE || this.broken) return line === INCOMPLETE ? INCOMPLETE : null
    if (type === COLON) return line
    if (type === DOLLAR) return this.bulk(bytes, end, line as number)
    if (type === STAR && depth < MAX_DEPTH) return this.array(bytes, end, line as number, depth)
    if (type !== PLUS && type !== MINUS) return this.fail()
    const stop = bytes.indexOf('\r\n', first)
    if (stop < 0 || stop + 2 > end) return INCOMPLETE
    this.at = stop + 2
    const text = bytes.toString('utf8', first, stop)
    return type === MINUS ? new RedisError(text) : text
  }

  private number(bytes: Buffer, first: number, end: number): number | null | typeof INCOMPLETE {
    let at = first
    const negative = at < end && bytes[at] === MINUS
    if (negative) at++
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (at + 2 > end) return INCOMPLETE
    if (bytes[at] !== CR) return this.fail()
    this.at = at + 2
    return negative ? -value : value
  }

  private bulk(bytes: Buffer, end: number, length: number): RedisReply | typeof INCOMPLETE {
    if (length < 0) return null
    const stop = this.at + length
    if (stop + 2 > end) return INCOMPLETE
    const text = bytes.toString('utf8', this.at, stop)
    this.at = stop + 2
    return text
  }

  private array(bytes: Buffer, end: number, length: number, depth: number): RedisReply | typeof INCOMPLETE {
    const items: RedisReply[] = []
    for (let i = 0; i < length; i++) {
      if (this.at >= end) return INCOMPLETE
      const item = this.read(bytes, end, depth + 1)
      if (item === INCOMPLETE) return INCOMPLETE
      items.push(item)
    }
    return items
  }

  private fail(): null {
    this.broken = true
    return null
  }
}
