// HOT FILE (docs/hot-path.md): base64 in pieces, as grpc-web-text has it.
import { GrpcFrameCounter } from '../../../http/index.ts'

const GROUPS = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/
const NOTHING = Buffer.alloc(0)

/** Decodes what arrives in any pieces; padding may stand at the end of any group of four characters. */
export class Base64Decoder {
  /** Less than one group. */
  private rest = ''

  /** null: this is no base64. */
  decode(data: Buffer, start: number, end: number): Buffer | null {
    const text = this.rest + data.latin1Slice(start, end)
    const whole = text.length - (text.length % 4)
    this.rest = text.slice(whole)
    if (whole === 0) return NOTHING
    const groups = whole === text.length ? text : text.slice(0, whole)
    if (!GROUPS.test(groups)) return null
    const padding = groups.indexOf('=')
    if (padding < 0 || padding >= whole - 2) return Buffer.from(groups, 'base64')
    return Buffer.concat(groups.split(/(?<==)(?!=)/).map(part => Buffer.from(part, 'base64')))
  }

  /** Half a group is left. */
  get incomplete(): boolean {
    return this.rest !== ''
  }
}

/** Encodes gRPC frames, each padded by itself so that a client can read it at once; keeps at most two bytes. */
export class Base64FrameEncoder {
  private readonly frames = new GrpcFrameCounter()
  private readonly rest = Buffer.alloc(2)
  private restBytes = 0

  encode(data: Buffer, start: number, end: number): string {
    let text = ''
    for (let at = start; at < end; ) {
      const next = this.frames.next(data, at, end)
      text += this.part(data, at, next, this.frames.atBoundary)
      at = next
    }
    return text
  }

  private part(data: Buffer, start: number, end: number, last: boolean): string {
    const bytes =
      this.restBytes === 0
        ? data.subarray(start, end)
        : Buffer.concat([this.rest.subarray(0, this.restBytes), data.subarray(start, end)])
    const whole = last ? bytes.length : bytes.length - (bytes.length % 3)
    this.restBytes = bytes.copy(this.rest, 0, whole)
    return bytes.toString('base64', 0, whole)
  }
}
