// What an attack is: frames for one connection, and how that connection must fare.
import { block, type Frame, frame, headers, request, uint32 } from '../../../src/http/codec/http2/testing/frames.ts'

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9
export const END_STREAM = 1
export const END_HEADERS = 4

export const PROTOCOL_ERROR = 1
export const FLOW_CONTROL_ERROR = 3
export const STREAM_CLOSED = 5
export const FRAME_SIZE_ERROR = 6
export const REFUSED_STREAM = 7
export const COMPRESSION_ERROR = 9

/** The listeners that are attacked; hasty ones give up idle streams soon. */
export type Face = 'edge' | 'secured' | 'keepalive' | 'hasty' | 'hasty_secured'

export interface Attack {
  /** Of the list of cases, such as C1. */
  readonly row: string
  readonly name: string
  readonly face?: Face
  /** The attacker leaves answers unread, so that they pile up. */
  readonly deaf?: boolean
  /** Parameters of the attacker's SETTINGS. */
  readonly settings?: readonly (readonly [id: number, value: number])[]
  /** Frames of a round; without a rest (null), only the end is waited for. */
  round(number: number): Buffer | null
  /** Malformed: answered at once by GOAWAY with one of these codes. */
  readonly goaway?: readonly number[]
  /** In place of the connection's end: what its frames must show. */
  holds?(frames: readonly Frame[]): boolean
}

export const times = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))
export const once = (bytes: Buffer) => (round: number) => (round === 0 ? bytes : null)
/** The i-th stream of a round. */
export const idOf = (round: number, perRound: number, i: number): number => 1 + 2 * (round * perRound + i)

/** Requests that the origin answers late. */
export const SLOW = block(request([], { ':path': '/slow' }))
export const POST = block(request([], { ':method': 'POST', ':path': '/slow' }))
export const get = (id: number): Buffer => frame(HEADERS, END_HEADERS | END_STREAM, id, SLOW)
export const getOf = (id: number, path: string): Buffer => headers(id, request([], { ':path': path }))
export const post = (id: number): Buffer => frame(HEADERS, END_HEADERS, id, POST)
export const reset = (id: number): Buffer => frame(RST_STREAM, 0, id, uint32(8))
export const update = (id: number, by: number): Buffer => frame(WINDOW_UPDATE, 0, id, uint32(by))

export const isReset = ({ type, payload }: Frame, code: number): boolean =>
  type === RST_STREAM && payload.readUInt32BE(0) === code
/** A response head with status 200: the first byte is the static table's entry, behind updates of the table's size. */
export const isOk = ({ type, payload }: Frame): boolean => {
  let at = 0
  while (((payload[at] ?? 0) & 0xe0) === 0x20) at++
  return type === HEADERS && payload[at] === 0x88
}
