// The value of a session's cookie: base64 of a protobuf message { address = 1, expires = 2 (seconds since 1970) }.
import { fromBase64 } from './session-state.ts'

const ADDRESS_TAG = 0x0a
const EXPIRES_TAG = 0x10

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  bytes.push(value)
  return bytes
}

/** `expiresS` 0: never. */
export function encodeCookie(address: string, expiresS: number): string {
  const head = [ADDRESS_TAG, ...varint(address.length)]
  const tail = expiresS === 0 ? [] : [EXPIRES_TAG, ...varint(expiresS)]
  return Buffer.concat([Buffer.from(head), Buffer.from(address, 'latin1'), Buffer.from(tail)]).toString('base64')
}

class Reader {
  private at = 0
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get end(): boolean {
    return this.at >= this.bytes.length
  }

  /** -1: malformed. */
  varint(): number {
    let value = 0
    for (let shift = 1; shift < 2 ** 49; shift *= 128) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) return -1
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
    return -1
  }

  /** Null: there are not so many. */
  take(length: number): string | null {
    if (length < 0 || this.at + length > this.bytes.length) return null
    this.at += length
    return this.bytes.latin1Slice(this.at - length, this.at)
  }
}

/** The address, unless its time is over; what is no such message is an address itself, as older proxies wrote it. */
export function decodeCookie(text: string, nowS: number): string | null {
  const bytes = fromBase64(text)
  if (bytes === null || bytes.length === 0) return null
  const address = decodeMessage(bytes, nowS)
  return address === undefined ? bytes.toString('latin1') : address
}

/** Undefined: it is none. */
function decodeMessage(bytes: Buffer, nowS: number): string | null | undefined {
  const reader = new Reader(bytes)
  let address: string | null = null
  let expiresS = 0
  while (!reader.end) {
    const tag = reader.varint()
    if (tag === ADDRESS_TAG) address = reader.take(reader.varint())
    else if (tag === EXPIRES_TAG) expiresS = reader.varint()
    else return undefined
    if (address === null || expiresS < 0) return undefined
  }
  return expiresS !== 0 && expiresS < nowS ? null : address
}
