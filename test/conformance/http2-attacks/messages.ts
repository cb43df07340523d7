// C16 and C17: messages that an HTTP/1.1 origin must not see, and odd ones that it must see unchanged.
import { data, type Fields, headers, request } from '../../../src/http/codec/http2/testing/frames.ts'

export interface Message {
  readonly row: 'C16' | 'C17'
  readonly name: string
  readonly bytes: Buffer
  /** What the origin has to see; undefined: nothing. */
  readonly seen?: { readonly line: string; readonly fields: Fields; readonly body?: string }
  /** Only its stream ends, whatever the listener says: the head was fine. */
  readonly streamError?: boolean
}

type Pseudo = Readonly<Record<string, string | null>>
const bad = (row: Message['row'], name: string, fields: Fields, pseudo: Pseudo = {}): Message => ({
  row,
  name,
  bytes: headers(1, request(fields, pseudo)),
})
const raw = (name: string, fields: Fields): Message => ({ row: 'C16', name, bytes: headers(1, fields) })

const PSEUDO: readonly Message[] = [
  bad('C16', 'an unknown pseudo-header', [], { ':foo': 'x' }),
  bad('C16', "a response's pseudo-header", [], { ':status': '200' }),
  raw('a pseudo-header twice', [...request(), [':path', '/other']]),
  raw('a method twice', [[':method', 'GET'], ...request()]),
  raw('a pseudo-header behind a field', [
    [':method', 'GET'],
    [':scheme', 'http'],
    ['x-a', '1'],
    [':path', '/'],
  ]),
  bad('C16', 'no method', [], { ':method': null }),
  bad('C16', 'no path', [], { ':path': null }),
  bad('C16', 'no scheme', [], { ':scheme': null }),
  bad('C16', 'an empty path', [], { ':path': '' }),
  bad('C16', 'an empty method', [], { ':method': '' }),
  bad('C16', 'an empty scheme', [], { ':scheme': '' }),
]

const FIELDS: readonly Message[] = [
  bad('C16', 'an upper-case name', [['X-Upper', '1']]),
  bad('C16', 'connection', [['connection', 'close']]),
  bad('C16', 'keep-alive', [['keep-alive', 'timeout=5']]),
  bad('C16', 'proxy-connection', [['proxy-connection', 'keep-alive']]),
  bad('C16', 'transfer-encoding', [['transfer-encoding', 'chunked']]),
  bad('C16', 'upgrade', [['upgrade', 'h2c']]),
  bad('C16', 'te other than trailers', [['te', 'gzip']]),
  bad('C16', 'two lengths', [
    ['content-length', '3'],
    ['content-length', '4'],
  ]),
  bad('C16', 'a length that is no number', [['content-length', '0x3']]),
  bad('C16', 'a length with a sign', [['content-length', '+3']]),
  bad('C16', 'a length with no body', [['content-length', '3']]),
]

const withBody = (name: string, length: string, ...frames: readonly Buffer[]): Message => ({
  row: 'C16',
  name,
  bytes: Buffer.concat([headers(1, request([['content-length', length]], { ':method': 'POST' }), false), ...frames]),
  streamError: true,
})
const BODIES: readonly Message[] = [
  withBody('a body longer than it says', '3', data(1, 'more than that', true)),
  withBody('a body shorter than it says', '30', data(1, 'less', true)),
  withBody('a body shorter than it says, with trailers', '30', data(1, 'less'), headers(1, [['x-end', '1']])),
]

const INJECTIONS: readonly [string, string][] = [
  ['CR and LF', '\r\ncontent-length: 5'],
  ['LF', '\ntransfer-encoding: chunked'],
  ['CR', '\rx'],
  ['NUL', '\0'],
]
const DOWNGRADES: readonly Message[] = [
  ...INJECTIONS.flatMap(([what, text]) => [
    bad('C17', `${what} in a value`, [['x-a', `1${text}`]]),
    bad('C17', `${what} in a name`, [[`x-a${text}`, '1']]),
    bad('C17', `${what} in the path`, [], { ':path': `/${text}` }),
    bad('C17', `${what} in the method`, [], { ':method': `GET${text}` }),
    bad('C17', `${what} in the authority`, [], { ':authority': `a.test${text}` }),
    bad('C17', `${what} in the scheme`, [], { ':scheme': `http${text}` }),
  ]),
  bad('C17', 'a second request line in the method', [], { ':method': 'GET / HTTP/1.1' }),
  bad('C17', 'a space in the path', [], { ':path': '/ HTTP/1.1' }),
  bad('C17', 'a tab in the path', [], { ':path': '/\tx' }),
  bad('C17', 'a space in the authority', [], { ':authority': 'a.test b' }),
  bad('C17', 'userinfo in the authority', [], { ':authority': 'user@a.test' }),
  bad('C17', 'a path in the authority', [], { ':authority': 'a.test/x' }),
  bad('C17', 'host that is not the authority', [['host', 'b.test']]),
  bad('C17', 'host with a line of its own', [['host', 'a.test\r\nx: y']], { ':authority': null }),
  bad('C17', 'a value that begins with a blank', [['x-a', ' 1']]),
  bad('C17', 'a value that ends with a tab', [['x-a', '1\t']]),
  bad('C17', 'an empty name', [['', '1']]),
  bad('C17', 'a colon in a name', [['x:a', '1']]),
  bad('C17', 'a space in a name', [['x a', '1']]),
  bad('C17', 'a name beyond ASCII', [['x-\x85', '1']]),
]

const passes = (name: string, fields: Fields, pseudo: Pseudo = {}, seen: Fields = fields, body?: string): Message => {
  const { ':method': method = 'GET', ':path': path = '/' } = pseudo as Readonly<Record<string, string>>
  const head = headers(1, request(fields, pseudo), body === undefined)
  return {
    row: 'C17',
    name,
    bytes: body === undefined ? head : Buffer.concat([head, data(1, body, true)]),
    seen: { line: `${method} ${path}`, fields: seen, ...(body === undefined ? {} : { body }) },
  }
}
const UNCHANGED: readonly Message[] = [
  passes('a plain request', []),
  passes('host beside the same authority', [['host', 'a.test']], {}, [['host', 'a.test']]),
  passes('host in place of the authority', [['host', 'b.test']], { ':authority': null }),
  passes('te: trailers', [['te', 'trailers']]),
  passes('bytes beyond ASCII', [['x-a', '\x85admin\xa0\xff']]),
  passes('a tab inside a value', [['x-a', 'a\tb']]),
  passes('an empty value', [['x-a', '']]),
  passes('names that JavaScript knows', [
    ['__proto__', '1'],
    ['constructor', '2'],
    ['hasownproperty', '3'],
  ]),
  passes('what looks like framing in a value', [['x-a', 'transfer-encoding: chunked']]),
  passes(
    'cookies in crumbs',
    [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ],
    {},
    [['cookie', 'a=1; b=2']],
  ),
  passes('odd bytes in the path', [], { ':path': '/a"<>|{}^`%zz;x?y=[]' }),
  passes('a method of its own', [], { ':method': 'PURGE' }, [['content-length', '0']]),
  passes('a body with its length', [['content-length', '4']], { ':method': 'POST' }, [['content-length', '4']], 'body'),
  passes('a body without a length', [], { ':method': 'POST' }, [], 'body'),
  passes('a body on GET', [], {}, [], 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n'),
]

export const MESSAGES: readonly Message[] = [...PSEUDO, ...FIELDS, ...BODIES, ...DOWNGRADES, ...UNCHANGED]
