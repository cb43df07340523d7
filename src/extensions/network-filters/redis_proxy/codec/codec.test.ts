import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FuzzRandom, fuzz } from '../../../../../test/harness/fuzz.ts'
import {
  array,
  bulkString,
  encodeValue,
  errorValue,
  integer,
  MAX_DEPTH,
  map,
  parseValue,
  RespReader,
  simpleString,
} from '../../../../net/resp/index.ts'
import { CommandWriter } from './command-writer.ts'
import { inlineWords } from './inline-command.ts'
import { RequestReader } from './request-reader.ts'

/** The values in some pieces; what is no RESP ends with 'broken'. */
function valuesOf(pieces: readonly Buffer[], Reader = RespReader): string[] {
  const found: string[] = []
  const reader = new Reader({
    onRespValue: (bytes, start, end) => void found.push(bytes.latin1Slice(start, end)),
  })
  for (const piece of pieces) {
    // The bytes are those of a buffer that others use too.
    const shared = Buffer.concat([Buffer.from('<<'), piece, Buffer.from('>>')])
    reader.feed(shared, 2, 2 + piece.length)
    shared.fill('#')
    if (reader.broken) return [...found, 'broken']
  }
  return found
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const eachByte = (text: string): Buffer[] => [...bytes(text)].map(byte => Buffer.from([byte]))

const VALUES = [
  '+OK\r\n',
  '-ERR no\r\n',
  ':-12\r\n',
  ':9223372036854775807\r\n',
  '$-1\r\n',
  '$0\r\n\r\n',
  '$5\r\na\r\nbc\r\n',
  '*0\r\n',
  '*-1\r\n',
  '*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+x\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
  '(123456789012345678901\r\n',
  '!3\r\nERR\r\n',
  '=7\r\ntxt:abc\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n',
  '~2\r\n:1\r\n:2\r\n',
  '>2\r\n+message\r\n$1\r\nx\r\n',
  '|1\r\n+ttl\r\n:5\r\n$1\r\nx\r\n',
]

test('values are found where they stand, in one piece and byte by byte', () => {
  const text = VALUES.join('')
  assert.deepEqual(valuesOf([bytes(text)]), VALUES)
  assert.deepEqual(valuesOf(eachByte(text)), VALUES)
})

test('what is no RESP breaks, whole and byte by byte', () => {
  const broken = [
    '\0',
    '*1\r\n:x\r\n',
    '*-5\r\n',
    '*-0\r\n',
    '$-2\r\n',
    '%-1\r\n',
    '~-1\r\n',
    '*1\r\n$3\r\nabXY\r\n',
    '$abc\r\n',
    ':\r\n',
    ':-\r\n',
    ':1\n',
    ':9223372036854775808\r\n',
    ':-9223372036854775809\r\n',
    ':12345678901234567890\r\n',
    '$536870913\r\n',
    '*2000001\r\n',
    '%1000001\r\n',
    '*2\r\n*1999999\r\n',
    '+a\rb',
    '#x\r\n',
    '#tt\r\n',
    '_x\r\n',
    '*1\r\n'.repeat(MAX_DEPTH + 1),
    `+${'x'.repeat(65_537)}`,
  ]
  for (const text of broken) {
    assert.deepEqual(valuesOf([bytes(text)]), ['broken'], text.slice(0, 40))
    assert.deepEqual(valuesOf(eachByte(text)), ['broken'], text.slice(0, 40))
  }
  const allowed = ['$536870912\r\n', '*2000000\r\n', ':-9223372036854775808\r\n', '*1\r\n'.repeat(MAX_DEPTH)]
  for (const text of allowed) assert.ok(!valuesOf([bytes(text)]).includes('broken'), text.slice(0, 40))
})

test('a command is an array of bulk strings, and its words are found', () => {
  const seen: unknown[] = []
  const reader = new RespReader({
    onRespValue: (data, start) => {
      const { canonical, count, ends, isCommand, starts } = reader.scanner
      const words = starts.slice(0, count).map((from, i) => data.latin1Slice(start + from, start + ends[i]!))
      seen.push(isCommand ? [canonical, ...words] : null)
    },
  })
  const text =
    '*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n+GET\r\n*2\r\n$1\r\na\r\n$-1\r\n*2\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n:1\r\n*01\r\n$1\r\na\r\n*0\r\n'
  for (const piece of eachByte(text)) reader.feed(piece, 0, 1)
  assert.deepEqual(seen, [[true, 'GET', 'a'], null, null, null, null, [false, 'a'], [true]])
})

test('lines of words are commands, in quotes with blanks in them', () => {
  const cases: Record<string, readonly string[] | null> = {
    'set a 1': ['set', 'a', '1'],
    '  a   b ': ['a', 'b'],
    '': [],
    'set a "b c"': ['set', 'a', 'b c'],
    "set a 'b \\' c'": ['set', 'a', "b ' c"],
    '"\\x41\\n\\"\\q"': ['A\n"q'],
    '"a': null,
    "'a": null,
    "'a'b": null,
    '"a"b': null,
    'a"b': null,
  }
  for (const [line, words] of Object.entries(cases)) assert.deepEqual(inlineWords(line), words, line)
  const text = 'PING\r\n*1\r\n$1\r\na\r\n\r\nset a b\r\n'
  const commands = ['*1\r\n$4\r\nPING\r\n', '*1\r\n$1\r\na\r\n', '*0\r\n', '*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\nb\r\n']
  assert.deepEqual(valuesOf([bytes(text)], RequestReader), commands)
  assert.deepEqual(valuesOf(eachByte(text), RequestReader), commands)
  assert.deepEqual(valuesOf([bytes('GET a\n')], RequestReader), [])
  assert.deepEqual(valuesOf([bytes('x'.repeat(70_000))], RequestReader), ['broken'])
})

test('a reader that pauses goes on with the next value', () => {
  const found: string[] = []
  const reader = new RespReader({
    onRespValue: (data, start, end) => {
      found.push(data.latin1Slice(start, end))
      reader.paused = true
    },
  })
  reader.feed(bytes(':1\r\n:2\r\n:'), 0, 9)
  reader.feed(bytes('3\r\n'), 0, 3)
  assert.deepEqual(found, [':1\r\n'])
  reader.resume()
  assert.deepEqual(found, [':1\r\n', ':2\r\n'])
  reader.resume()
  assert.deepEqual([...found, reader.heldBytes], [':1\r\n', ':2\r\n', ':3\r\n', 0])
})

test('what is announced is not allocated before it comes', () => {
  const reader = new RespReader({ onRespValue: () => undefined })
  reader.feed(bytes('$536870912\r\nx'), 0, 13)
  const { held } = reader as unknown as { held: Buffer }
  assert.ok(held.length <= 4096, String(held.length))
})

test('values are told anew in either version', () => {
  const whole = array([simpleString('a'), map([bulkString('k'), integer(1)]), errorValue('no')])
  assert.equal(encodeValue(whole, 3), '*3\r\n+a\r\n%1\r\n$1\r\nk\r\n:1\r\n-no\r\n')
  assert.equal(encodeValue(whole, 2), '*3\r\n+a\r\n*2\r\n$1\r\nk\r\n:1\r\n-no\r\n')
  const told = VALUES.map(value => encodeValue(parseValue(bytes(value), 0), 2))
  assert.deepEqual(told.slice(7), [
    '*0\r\n',
    '$-1\r\n',
    VALUES[9],
    '$-1\r\n',
    ':1\r\n',
    '$3\r\n1.5\r\n',
    '$21\r\n123456789012345678901\r\n',
    '-ERR\r\n',
    '$3\r\nabc\r\n',
    '*4\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n',
    '*2\r\n:1\r\n:2\r\n',
    '*2\r\n+message\r\n$1\r\nx\r\n',
    '$1\r\nx\r\n',
  ])
})

test('a writer puts commands together, long ones too', () => {
  const writer = new CommandWriter()
  const long = Buffer.alloc(2_000_000, 'v')
  for (const value of [bytes('a'), long, bytes('b')]) {
    writer.begin(12)
    for (let i = 0; i < 12; i++) writer.word(value, 0, value.length)
    const text = `*12\r\n${`$${value.length}\r\n${value.latin1Slice(0, value.length)}\r\n`.repeat(12)}`
    assert.ok(writer.bytes.latin1Slice(0, writer.end) === text)
  }
})

/** The end of the value at `at`, told plainly; null: it is not whole, or it is none. */
function plainEnd(text: string, at: number, depth = 0): number | null {
  const end = text.indexOf('\r\n', at)
  if (end < 0 || depth > 100) return null
  const [type, line] = [text[at]!, text.slice(at + 1, end)]
  if ('+-'.includes(type)) return line.includes('\r') ? null : end + 2
  const number = /^-?\d{1,18}$/.test(line) ? Number(line) : Number.NaN
  if (type === ':') return Number.isNaN(number) ? null : end + 2
  if (!'$*'.includes(type) || Number.isNaN(number) || Object.is(number, -0)) return null
  if (number < 0) return number === -1 ? end + 2 : null
  if (type === '$') return text.slice(end + 2 + number, end + 4 + number) === '\r\n' ? end + 4 + number : null
  let next: number | null = end + 2
  for (let i = 0; i < number && next !== null; i++) next = next < text.length ? plainEnd(text, next, depth + 1) : null
  return next
}

function randomValue(random: FuzzRandom, depth = 0): string {
  const text = random.bytes(random.below(20)).toString('latin1')
  if (depth < 4 && random.once(3)) {
    const items = Array.from({ length: random.below(4) }, () => randomValue(random, depth + 1))
    return `*${items.length}\r\n${items.join('')}`
  }
  return random.pick([
    `$${text.length}\r\n${text}\r\n`,
    `:${random.below(1000) - 500}\r\n`,
    '+OK\r\n',
    '$-1\r\n',
    '*-1\r\n',
  ])
}

test('whatever comes in whatever pieces, the same values are found', () => {
  fuzz(random => {
    let text = Array.from({ length: 1 + random.below(5) }, () => randomValue(random)).join('')
    if (random.once(2)) text = random.mutateText(text, ['\r\n', '$3\r\n', '*2\r\n', '-1', ':', '\r'], random.below(4))
    const expected: string[] = []
    for (let at = 0; at < text.length; ) {
      const end = plainEnd(text, at)
      if (end === null) break
      expected.push(text.slice(at, end))
      at = end
    }
    const found = valuesOf(random.split(bytes(text)))
    const values = found.filter(value => value !== 'broken')
    // RESP3 knows more types, and lines with fewer rules.
    assert.deepEqual(values.slice(0, expected.length), expected, JSON.stringify(text))
    assert.deepEqual(valuesOf([bytes(text)]), found)
  })
})
