// Test kit: frames and header blocks by hand, and what a codec wrote taken apart.
import { CLIENT_PREFACE, FlagEndHeaders, FlagEndStream, FrameData, FrameHeaders, FrameSettings } from '../constants.ts'

const NAMES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
]

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1')
  const bytes = Buffer.alloc(9 + body.length)
  bytes.writeUIntBE(body.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(id, 5)
  body.copy(bytes, 9)
  return bytes
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value >>> 0, i * 4)
  })
  return bytes
}

export type Fields = readonly (readonly [name: string, value: string])[]

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length, 127, 0), bytes])
}

function integer(value: number, mask: number, bits: number): Buffer {
  if (value < mask) return Buffer.from([bits | value])
  const bytes = [bits | mask]
  let rest = value - mask
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 | (rest % 128))
  return Buffer.from([...bytes, rest])
}

/** Literals without indexing and without Huffman coding: no state. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

/** Literals that go into the dynamic table. */
export function indexingBlock(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0x40]), text(name), text(value)]))
}

/** Pseudo-headers of a request, and fields behind them. */
export function request(fields: Fields = [], pseudo: Readonly<Record<string, string | null>> = {}): Fields {
  const all = { ':method': 'GET', ':scheme': 'http', ':authority': 'a.test', ':path': '/', ...pseudo }
  const own = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null)
  return [...own, ...fields]
}

export function headers(id: number, fields: Fields, endStream = true): Buffer {
  return frame(FrameHeaders, FlagEndHeaders | (endStream ? FlagEndStream : 0), id, block(fields))
}

export function data(id: number, payload: string | Uint8Array, endStream = false): Buffer {
  return frame(FrameData, endStream ? FlagEndStream : 0, id, payload)
}

/** A SETTINGS frame of identifiers and values. */
export function settings(...parameters: readonly (readonly [id: number, value: number])[]): Buffer {
  return frame(
    FrameSettings,
    0,
    0,
    Buffer.concat(parameters.map(([id, value]) => Buffer.concat([uint32(id).subarray(2), uint32(value)]))),
  )
}

/** What a client begins with. */
export const clientStart = (...parameters: readonly (readonly [id: number, value: number])[]): Buffer =>
  Buffer.concat([CLIENT_PREFACE, settings(...parameters)])

export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  let at = bytes.subarray(0, 3).toString() === 'PRI' ? CLIENT_PREFACE.length : 0
  while (at + 9 <= bytes.length) {
    const length = bytes.readUIntBE(at, 3)
    const payload = bytes.subarray(at + 9, at + 9 + length)
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, id: bytes.readUInt32BE(at + 5), payload })
    at += 9 + length
  }
  return frames
}

/** Frames in words, such as 'RST_STREAM 1 code 8', 'DATA 3 size 5 END'. */
export function describeFrames(bytes: Buffer): string[] {
  return parseFrames(bytes).map(({ type, flags, id, payload }) => {
    const words = [NAMES[type] ?? `type ${type}`, String(id)]
    if (type === 3) words.push(`code ${payload.readUInt32BE(0)}`)
    if (type === 7) words.push(`last ${payload.readUInt32BE(0)} code ${payload.readUInt32BE(4)}`)
    if (type === 8) words.push(`+${payload.readUInt32BE(0)}`)
    if (type === 0) words.push(`size ${payload.length}`)
    if ((type === 4 || type === 6) && (flags & 1) !== 0) words.push('ACK')
    if (type <= 1 && (flags & 1) !== 0) words.push('END')
    return words.join(' ')
  })
}
