// C1 to C11: what costs its sender little and a proxy much.
import { block, type Frame, frame, request, uint32 } from '../../../src/http/codec/http2/testing/frames.ts'
import {
  type Attack,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  get,
  getOf,
  HEADERS,
  idOf,
  PING,
  PRIORITY,
  post,
  RST_STREAM,
  reset,
  SETTINGS,
  SLOW,
  times,
  update,
} from './attack.ts'

/** Rounds of a hundred requests, each followed by what makes it end. */
const requests = (row: string, name: string, begin: (id: number) => Buffer, end: (id: number) => Buffer): Attack => ({
  row,
  name,
  round: n => times(100, i => Buffer.concat([begin(idOf(n, 100, i)), end(idOf(n, 100, i))])),
})

const itself = (id: number): Buffer => frame(PRIORITY, 0, id, Buffer.concat([uint32(id), Buffer.from([0])]))
const RESETS: readonly Attack[] = [
  requests('C1', 'rapid reset', get, reset),
  requests('C2', 'made to reset by an empty WINDOW_UPDATE', get, id => update(id, 0)),
  requests('C2', 'made to reset by a window that overflows', get, id => update(id, 0x7fffffff)),
  requests('C2', 'made to reset by a PRIORITY of a wrong length', get, id => frame(PRIORITY, 0, id, 'four')),
  requests('C2', 'made to reset by a stream that depends on itself', get, itself),
  requests('C2', 'made to reset by HEADERS behind the end', get, get),
  requests('C2', 'made to reset by DATA behind the end', get, id => frame(DATA, END_STREAM, id, 'x')),
]

/** A header block that begins and gets `more` for ever; with `open` false each is the last of its block. */
const endless = (name: string, more: Buffer): Attack => ({
  row: 'C3',
  name,
  round: n => (n === 0 ? frame(HEADERS, END_STREAM, 1, SLOW) : times(100, () => frame(CONTINUATION, 0, 1, more))),
})
// A name without Huffman coding, a value of 0x7f bytes of it that are no code.
const HUFFMAN_JUNK = Buffer.concat([Buffer.from([0, 1, 0x78, 0xff, 0]), Buffer.alloc(127, 0xff)])
const BLOCKS: readonly Attack[] = [
  endless('a header block without an end', SLOW),
  endless('the same of empty CONTINUATION frames', Buffer.alloc(0)),
  endless('the same of junk in Huffman code', HUFFMAN_JUNK),
  {
    row: 'C3',
    name: 'a header block of 600 frames that ends',
    round: n =>
      n > 0
        ? null
        : Buffer.concat([
            frame(HEADERS, END_STREAM, 1, SLOW),
            times(600, i => frame(CONTINUATION, i === 599 ? END_HEADERS : 0, 1, block([['x', `${i}`]]))),
          ]),
  },
]

const UNREAD: readonly Attack[] = [
  { row: 'C4', name: 'SETTINGS whose answers are not read', round: () => times(500, () => frame(SETTINGS, 0, 0)) },
  {
    row: 'C4',
    name: 'PING whose answers are not read',
    round: () => times(500, () => frame(PING, 0, 0, Buffer.alloc(8))),
  },
  {
    row: 'C5',
    name: 'resets that are provoked and not read',
    round: n =>
      times(100, i =>
        frame(HEADERS, END_HEADERS | END_STREAM, idOf(n, 100, i), Buffer.concat([SLOW, block([[':path', '/']])])),
      ),
  },
  {
    row: 'C6',
    name: 'a response asked for byte by byte, and not read',
    settings: [[4, 0]],
    round: n => (n === 0 ? getOf(1, '/large') : times(1000, () => update(1, 1))),
  },
]
const DEAF = UNREAD.map(attack => ({ ...attack, deaf: true }))

/** Streams that are over: reset, or answered with what a timeout says. */
const ended = (frames: readonly Frame[]): number =>
  frames.filter(({ type, flags }) => type === RST_STREAM || (type <= HEADERS && (flags & END_STREAM) !== 0)).length

const LARGE_RESPONSES: readonly Attack[] = [
  {
    row: 'C6',
    face: 'hasty',
    name: 'large responses into large windows, not read',
    deaf: true,
    settings: [[4, 0x7fffffff]],
    round: n =>
      n > 0 ? null : Buffer.concat([update(0, 0x7fff0000 - 65535), times(100, i => getOf(1 + 2 * i, '/large'))]),
    holds: frames => ended(frames) === 100,
  },
  {
    row: 'C6',
    face: 'hasty',
    name: 'small responses into no window',
    settings: [[4, 0]],
    round: n => (n > 0 ? null : times(100, i => getOf(1 + 2 * i, '/small'))),
    holds: frames => ended(frames) === 100,
  },
]

const EMPTY: readonly Attack[] = [
  {
    row: 'C7',
    name: 'PRIORITY frames',
    round: () => times(500, () => frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 0]))),
  },
  { row: 'C8', name: 'empty DATA', round: n => (n === 0 ? post(1) : times(100, () => frame(DATA, 0, 1))) },
  {
    row: 'C8',
    name: 'empty HEADERS and CONTINUATION',
    round: n =>
      times(50, i => Buffer.concat([frame(HEADERS, 0, idOf(n, 50, i)), frame(CONTINUATION, 0, idOf(n, 50, i))])),
  },
  {
    row: 'C9',
    name: 'fields with empty names',
    round: n =>
      frame(HEADERS, END_HEADERS | END_STREAM, idOf(n, 1, 0), Buffer.concat([SLOW, Buffer.from([0, 0, 1, 0x78])])),
    goaway: [1],
  },
  {
    row: 'C9',
    name: 'thousands of fields with empty values',
    round: n =>
      frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        idOf(n, 1, 0),
        Buffer.concat([SLOW, times(3000, () => Buffer.from([0, 1, 0x78, 0]))]),
      ),
  },
  {
    row: 'C10',
    name: 'WINDOW_UPDATE frames',
    round: n => (n === 0 ? post(1) : times(500, () => update(0, 1))),
  },
]

const LARGE_FIELD = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x1e]), Buffer.alloc(4000, 'v')])
const BOMBS: readonly Attack[] = [
  {
    row: 'C11',
    name: 'one large field referred to ten thousand times',
    round: n =>
      frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        idOf(n, 1, 0),
        Buffer.concat([SLOW, LARGE_FIELD, Buffer.alloc(10000, 0xbe)]),
      ),
  },
  {
    row: 'C11',
    name: 'thousands of cookie crumbs',
    round: n =>
      frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        idOf(n, 1, 0),
        // The crumb is the newest entry of the table: one byte each.
        Buffer.concat([block(request()), Buffer.from([0x60, 3]), Buffer.from('a=b'), Buffer.alloc(12000, 0xbe)]),
      ),
  },
]

const PLAIN: readonly Attack[] = [...RESETS, ...BLOCKS, ...DEAF, ...LARGE_RESPONSES, ...EMPTY, ...BOMBS]
const overTls = (attack: Attack): Attack => ({
  ...attack,
  face: attack.face === 'hasty' ? 'hasty_secured' : 'secured',
  name: `${attack.name}, over TLS`,
})

/** Over TLS what waits is counted behind the engine: what piles up, what is cut off and what is buffered there. */
export const FLOODS: readonly Attack[] = [
  ...PLAIN,
  ...[RESETS[0]!, RESETS[2]!, BLOCKS[0]!, ...DEAF, ...LARGE_RESPONSES, BOMBS[0]!].map(overTls),
]
