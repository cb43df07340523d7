// What a client may send that costs it little: one connection's bytes, round by round.
import { FLOODS } from '../../conformance/http2-attacks/floods.ts'
import { MALFORMED } from '../../conformance/http2-attacks/malformed.ts'
import { http2Start } from '../../harness/index.ts'

export interface Probe {
  /** Of docs/attack-cases.md. */
  readonly row: string
  readonly name: string
  /** Answers are left unread. */
  readonly deaf: boolean
  /** Bytes of the n-th write; null: no more, the connection is held until it is closed. */
  round(n: number): Buffer | null
}

const HOST = 'HTTP/1.1\r\nhost: a\r\n'
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const CHUNKED = `POST /slow ${HOST}transfer-encoding: chunked\r\n\r\n`

/** The same bytes once, then silence. */
function once(row: string, name: string, text: string, deaf = false): Probe {
  const bytes = latin1(text)
  return { row, name, deaf, round: n => (n === 0 ? bytes : null) }
}

/** A head, then the same bytes again and again. */
function endless(row: string, name: string, head: string, more: string, deaf = false): Probe {
  const [first, next] = [latin1(head), latin1(more)]
  return { row, name, deaf, round: n => (n === 0 ? first : next) }
}

const HTTP1: readonly Probe[] = [
  once('A1', 'Content-Length and chunked', `POST / ${HOST}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n`),
  once('A3', 'an encoding in disguise', `POST / ${HOST}transfer-encoding: \x0bchunked\r\n\r\n`),
  once('A4', 'a length that is none', `POST / ${HOST}content-length: +5\r\n\r\n`),
  once('A6', 'a chunk without an end', `${CHUNKED}ffffffffffffffff\r\n`),
  endless('A8', 'chunks of a byte with extensions', CHUNKED, `1;${'e'.repeat(1024)}\r\nx\r\n`.repeat(60)),
  endless('A8', 'chunks of a byte', CHUNKED, '1\r\nx\r\n'.repeat(10_000)),
  once('A10', 'lines that are none', `GET / ${HOST}${'x\r\n'.repeat(50)}\r\n`),
  once('A11', '66 KiB of trailers', `${CHUNKED}0\r\nx: ${'y'.repeat(66_000)}\r\n\r\n`),
  once('A12', 'no HTTP at all', 'hello\r\n\r\n'),
  endless('A15', 'requests without a pause, unread', '', `GET /direct ${HOST}\r\n`.repeat(1000), true),
  endless('A15', 'requests without a pause', '', `GET /direct ${HOST}\r\n`.repeat(100)),
  endless('A15', 'empty lines', '', '\r\n'.repeat(20_000)),
  once('A17', 'a body that is not wanted', `POST /direct ${HOST}content-length: 9999999\r\n\r\n${'b'.repeat(60_000)}`),
  once('B3', 'a head of 61 KiB', `GET / ${HOST}x: ${'y'.repeat(61 * 1024)}\r\n\r\n`),
  once('B5', '5000 fields of a byte', `GET / ${HOST}${'x: y\r\n'.repeat(5000)}\r\n`),
  endless('B5', 'a value for a regex', '', `GET /direct ${HOST}slow: ${'a'.repeat(16_384)}!\r\n\r\n`),
  endless(
    'B7',
    'a long X-Forwarded-For',
    '',
    `GET /direct ${HOST}x-forwarded-for: ${'1.1.1.1, '.repeat(5000)}2.2.2.2\r\n\r\n`,
  ),
  endless('B8', 'a path to normalize', '', `GET ${'/a/..//%2e%2e/%61'.repeat(3000)} ${HOST}\r\n`),
  endless('B9', 'cookies', '', `GET /direct ${HOST}cookie: ${'a=1; '.repeat(10_000)}\r\n\r\n`),
  endless('B9', 'query parameters', '', `GET /direct?${'a=1&'.repeat(10_000)} ${HOST}\r\n`),
  once('D1', 'a head of 50 KiB without an end', `GET / ${HOST}x: ${'y'.repeat(50_000)}`),
  once('D2', 'a body that does not come', `POST /slow ${HOST}content-length: 100\r\n\r\n`),
  once('D3', 'a large answer, unread', `GET /large ${HOST}\r\n`, true),
  once('D5', 'nothing', ''),
  endless('D6', 'connections of one request', `GET /direct ${HOST}connection: close\r\n\r\n`, ''),
]

const overHttp2 = (attacks: typeof FLOODS): readonly Probe[] =>
  attacks.map(({ row, name, deaf = false, settings = [], round }) => ({
    row,
    name,
    deaf,
    round: n => {
      const bytes = round(n)
      return n === 0 ? Buffer.concat([http2Start(...settings), bytes ?? Buffer.alloc(0)]) : bytes
    },
  }))

export const PROBES: readonly Probe[] = [...HTTP1, ...overHttp2(FLOODS), ...overHttp2(MALFORMED)]
