// C12 to C17, C19 and C20: frames and header blocks against RFC 7541 and RFC 9113. One of them ends the connection, at once.
import { data, type Frame, frame, headers, settings, uint32 } from '../../../src/http/codec/http2/testing/frames.ts'
import {
  type Attack,
  COMPRESSION_ERROR,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  GOAWAY,
  get,
  getOf,
  HEADERS,
  isOk,
  isReset,
  once,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  post,
  REFUSED_STREAM,
  reset,
  SETTINGS,
  SLOW,
  STREAM_CLOSED,
  times,
  update,
} from './attack.ts'
import { MESSAGES, type Message } from './messages.ts'

const ended = (row: string, name: string, bytes: Buffer, ...codes: readonly number[]): Attack => ({
  row,
  name,
  round: once(bytes),
  goaway: codes,
})
const hpack = (name: string, ...bytes: readonly number[]): Attack =>
  ended(
    'C12',
    name,
    frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([SLOW, Buffer.from(bytes)])),
    COMPRESSION_ERROR,
  )

const COMPRESSION: readonly Attack[] = [
  ended(
    'C12',
    'a table larger than was offered',
    frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([Buffer.from([0x3f, 0xe2, 0x1f]), SLOW])),
    COMPRESSION_ERROR,
  ),
  hpack('a change of the table at the end of a block', 0x20),
  hpack('index 0', 0x80),
  hpack('an index beyond the table', 0xff, 0x20),
  hpack('the end of string inside Huffman code', 0, 1, 0x78, 0x84, 0xff, 0xff, 0xff, 0xff),
  hpack('Huffman padding of more than 7 bits', 0, 1, 0x78, 0x82, 0x1f, 0xff),
  hpack('an integer without an end', 0xff, ...Array<number>(20).fill(0xff)),
  hpack('a string that is longer than its block', 0, 0x7f, 0xff, 0x7f),
]

const dataOf = (frames: readonly Frame[]): number =>
  frames.reduce((sum, { type, payload }) => sum + (type === DATA ? payload.length : 0), 0)

const WINDOWS: readonly Attack[] = [
  ended('C13', "a connection's window beyond what there is", update(0, 0x7fffffff), FLOW_CONTROL_ERROR),
  ended('C13', 'INITIAL_WINDOW_SIZE beyond what there is', settings([4, 0x80000000]), FLOW_CONTROL_ERROR),
  {
    row: 'C13',
    name: 'a window that becomes negative waits until it is filled up',
    settings: [[4, 100]],
    round: n => (n === 0 ? Buffer.concat([getOf(1, '/small'), settings([4, 10]), update(1, 50)]) : null),
    // 100 bytes and no more, whichever came first: the response or SETTINGS.
    holds: frames => frames.some(isOk) && dataOf(frames) <= 100,
  },
]

const CONCURRENCY: readonly Attack[] = [
  {
    row: 'C14',
    name: 'one stream more than the limit, in one write',
    round: once(times(101, i => get(1 + 2 * i))),
    holds: frames =>
      frames.filter(isOk).length === 100 && frames.filter(one => isReset(one, REFUSED_STREAM)).length === 1,
  },
]

const ILLEGAL: readonly Attack[] = [
  ended('C15', 'DATA of a stream that is idle', data(1, 'x'), PROTOCOL_ERROR),
  ended('C15', 'RST_STREAM of a stream that is idle', reset(1), PROTOCOL_ERROR),
  ended('C15', 'WINDOW_UPDATE of a stream that is idle', update(1, 1), PROTOCOL_ERROR),
  ended('C15', 'an even stream', get(2), PROTOCOL_ERROR),
  ended('C15', 'streams that go down', Buffer.concat([get(5), get(3)]), PROTOCOL_ERROR, STREAM_CLOSED),
  ended('C15', 'a frame that is too large', frame(DATA, 0, 1, Buffer.alloc(16385)), FRAME_SIZE_ERROR),
  ended('C15', 'SETTINGS ACK with a body', frame(SETTINGS, 1, 0, Buffer.alloc(6)), FRAME_SIZE_ERROR),
  ended('C15', 'SETTINGS of five bytes', frame(SETTINGS, 0, 0, Buffer.alloc(5)), FRAME_SIZE_ERROR),
  ended('C15', 'SETTINGS on a stream', frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
  ended('C15', 'PING of seven bytes', frame(PING, 0, 0, Buffer.alloc(7)), FRAME_SIZE_ERROR),
  ended('C15', 'GOAWAY on a stream', frame(GOAWAY, 0, 1, Buffer.alloc(8)), PROTOCOL_ERROR),
  ended('C15', 'PRIORITY of the connection', frame(PRIORITY, 0, 0, Buffer.alloc(5)), PROTOCOL_ERROR),
  ended('C15', 'CONTINUATION of nothing', frame(CONTINUATION, END_HEADERS, 1, SLOW), PROTOCOL_ERROR),
  ended('C15', 'a block that another interrupts', Buffer.concat([frame(HEADERS, 1, 1, SLOW), get(3)]), PROTOCOL_ERROR),
  ended('C15', 'padding longer than the frame', frame(HEADERS, 0x8 | 5, 1, Buffer.from([9, 0x82])), PROTOCOL_ERROR),
  ended('C15', 'PUSH_PROMISE', frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), SLOW])), PROTOCOL_ERROR),
]

/** All invalid messages of a row in turn, each on a connection of its own. */
function invalid(row: Message['row']): Attack {
  const messages = MESSAGES.filter(one => one.row === row && one.seen === undefined && one.streamError !== true)
  let turn = 0
  return {
    row,
    name: `invalid messages, ${messages.length} kinds`,
    round: n => (n === 0 ? messages[turn++ % messages.length]!.bytes : null),
    goaway: [PROTOCOL_ERROR],
  }
}

const AFTERWARDS: readonly Attack[] = [
  {
    row: 'C19',
    name: 'a client that answers no PING',
    face: 'keepalive',
    round: () => null,
  },
  {
    row: 'C20',
    name: 'frames behind the reset of their stream',
    round: once(
      Buffer.concat([
        post(1),
        data(1, 'some'),
        // The proxy resets it; what was under way then is for nobody.
        update(1, 0),
        data(1, 'more'),
        update(1, 5),
        headers(1, [['x-end', 'trailer']]),
        reset(1),
        getOf(3, '/ok'),
      ]),
    ),
    holds: frames => frames.some(one => isReset(one, PROTOCOL_ERROR) && one.id === 1) && frames.some(isOk),
  },
  {
    row: 'C20',
    name: "frames behind the client's own reset",
    round: once(Buffer.concat([post(1), reset(1), update(1, 5), reset(1), getOf(3, '/ok')])),
    holds: frames => frames.some(one => isOk(one) && one.id === 3),
  },
  {
    row: 'C20',
    name: 'a response that comes when its request was taken back',
    round: once(Buffer.concat([get(1), getOf(3, '/ok'), reset(1), getOf(5, '/slow')])),
    holds: frames => frames.filter(isOk).length === 2 && !frames.some(({ id, type }) => type === HEADERS && id === 1),
  },
]

export const MALFORMED: readonly Attack[] = [
  ...COMPRESSION,
  ...WINDOWS,
  ...CONCURRENCY,
  ...ILLEGAL,
  invalid('C16'),
  invalid('C17'),
  ...AFTERWARDS,
]
