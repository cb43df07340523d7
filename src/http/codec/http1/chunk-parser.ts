// HOT FILE (docs/hot-path.md): chunked coding (RFC 9112, 7.1), strict: CRLF only, no bytes between the parts.
import { HeaderMap } from '../../headers.ts'
import { CR, HEX_VALUE, IS_BAD_VALUE, LF, SPACE, TAB } from './characters.ts'
import { FieldScanner, type HeadLimits, ScanDone, ScanFailed } from './head-scanner.ts'
import { PartialInput } from './partial-input.ts'

/** Extensions are dropped; more than this many bytes of them in one message is an attack, not a feature. */
const MAX_EXTENSION_BYTES = 16384
/** 2^52: sizes stay exact integers. */
const MAX_CHUNK = 0x10000000000000

const SizeStart = 0
const Size = 1
const Extension = 2
const SizeLf = 3
const Data = 4
const DataCr = 5
const DataLf = 6
const Trailers = 7
const Done = 8
const Failed = 9
/** Blanks behind a chunk size: only an extension or the line's end may follow. */
const SizeBlank = 10

export interface ChunkSink {
  onBodyData(data: Buffer, start: number, end: number): void
}

export class ChunkParser {
  failure = ''
  /** The trailer section, null when it is empty; owned by the caller after `done`. */
  trailers: HeaderMap | null = null
  private state = SizeStart
  private remaining = 0
  private digits = 0
  private extensionBytes = 0
  private partial: PartialInput | null = null
  private scanner: FieldScanner | null = null
  private readonly limits: HeadLimits

  constructor(limits: HeadLimits) {
    this.limits = limits
  }

  get done(): boolean {
    return this.state === Done
  }

  get failed(): boolean {
    return this.state === Failed
  }

  /** Bytes of the current chunk still to come. */
  get remainingChunk(): number {
    return this.remaining
  }

  /** Consumes [position, end) up to the end of the message; returns the position behind what belongs to it. */
  parse(input: Buffer, position: number, end: number, sink: ChunkSink): number {
    let i = position
    while (i < end) {
      switch (this.state) {
        case SizeStart:
        case Size: {
          const c = input[i]!
          const digit = HEX_VALUE[c]!
          if (digit !== 255) {
            if (++this.digits > 16) return this.fail(i)
            this.remaining = this.remaining * 16 + digit
            if (this.remaining > MAX_CHUNK) return this.fail(i)
            this.state = Size
            i++
          } else if (this.state === SizeStart) return this.fail(i)
          else if (c === CR) {
            this.state = SizeLf
            i++
          } else if (c === 59 || c === SPACE || c === TAB) {
            this.state = c === 59 ? Extension : SizeBlank
            i++
          } else return this.fail(i)
          break
        }
        case SizeBlank: {
          const c = input[i++]!
          if (c === CR) this.state = SizeLf
          else if (c === 59) this.state = Extension
          else if (c !== SPACE && c !== TAB) return this.fail(i)
          break
        }
        case Extension: {
          const c = input[i++]!
          if (c === CR) this.state = SizeLf
          else if (IS_BAD_VALUE[c] !== 0 || ++this.extensionBytes > MAX_EXTENSION_BYTES) return this.fail(i)
          break
        }
        case SizeLf:
          if (input[i++] !== LF) return this.fail(i)
          this.digits = 0
          this.state = this.remaining === 0 ? Trailers : Data
          break
        case Data: {
          const size = Math.min(this.remaining, end - i)
          this.remaining -= size
          if (this.remaining === 0) this.state = DataCr
          sink.onBodyData(input, i, i + size)
          i += size
          break
        }
        case DataCr:
          if (input[i++] !== CR) return this.fail(i)
          this.state = DataLf
          break
        case DataLf:
          if (input[i++] !== LF) return this.fail(i)
          this.state = SizeStart
          break
        case Trailers:
          return this.parseTrailers(input, i, end)
        default:
          return i
      }
    }
    return i
  }

  private parseTrailers(input: Buffer, position: number, end: number): number {
    // Nearly every message ends here with an empty line.
    if (
      this.partial === null &&
      this.trailers === null &&
      input[position] === CR &&
      position + 1 < end &&
      input[position + 1] === LF
    ) {
      this.state = Done
      return position + 2
    }
    this.trailers ??= HeaderMap.acquire()
    this.scanner ??= new FieldScanner()
    this.partial ??= new PartialInput()
    const { partial, scanner } = this
    const before = partial.length
    partial.append(input, position, end)
    if (!partial.worthScanning && before + (end - position) < this.limits.maxBytes) return end
    const status = scanner.scan(this.trailers, partial.buffer, 0, partial.length, this.limits)
    if (status === ScanFailed) {
      this.failure = scanner.failure
      this.state = Failed
      return end
    }
    if (status === ScanDone) {
      this.state = Done
      const behind = position + (scanner.position - before)
      if (this.trailers.length === 0) {
        HeaderMap.release(this.trailers)
        this.trailers = null
      }
      return behind
    }
    partial.consume(scanner.position)
    return end
  }

  private fail(position: number): number {
    this.failure = 'codec_error'
    this.state = Failed
    return position
  }
}
