import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRedisUrl } from './redis-url.ts'
import { type RedisReply, RespParser } from './resp-parser.ts'

const STREAM = ':12\r\n:-3\r\n+OK\r\n-ERR no\r\n$5\r\na\r\nb\u00e4\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n:0\r\n'

function parse(pieces: readonly Buffer[]): { readonly replies: readonly RedisReply[]; readonly broken: boolean } {
  const replies: RedisReply[] = []
  const parser = new RespParser(reply => replies.push(reply))
  for (const piece of pieces) parser.feed(Buffer.concat([Buffer.from('xx'), piece]), 2, piece.length + 2)
  return { replies, broken: parser.broken }
}

test('replies of every kind, whole and cut at every byte', () => {
  const bytes = Buffer.from(STREAM.replace('$5', '$6'))
  const { replies } = parse([bytes])
  assert.deepEqual(JSON.parse(JSON.stringify(replies)), [
    12,
    -3,
    'OK',
    { message: 'ERR no' },
    'a\r\nb\u00e4',
    null,
    [1, ['']],
    0,
  ])
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.deepEqual(parse([bytes.subarray(0, cut), bytes.subarray(cut)]).replies, replies, String(cut))
  }
  assert.deepEqual(parse([...bytes].map(byte => Buffer.of(byte))).replies, replies)
})

test('what is no reply is noticed', () => {
  for (const text of ['HTTP/1.1 400\r\n', ':1x\r\n', '*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n', '\r\n']) {
    assert.equal(parse([Buffer.from(text)]).broken, true, text)
  }
  assert.equal(parse([Buffer.from('$9999999\r\n'), Buffer.alloc(2 << 20)]).broken, true)
})

test('addresses of Redis', () => {
  const parsed = (text: string) => {
    const target = parseRedisUrl(text)
    if (typeof target === 'string') return target
    const { address, user, password, database } = target
    return [String(address), user, password, database].join(' ')
  }
  assert.equal(parsed('redis://h'), 'h:6379   0')
  assert.equal(parsed('10.0.0.1:7000'), '10.0.0.1:7000   0')
  assert.equal(parsed('redis://u:p%40@[::1]:1/3'), '[::1]:1 u p@ 3')
  assert.equal(parsed('redis://:p@h'), 'h:6379  p 0')
  assert.equal(parsed('/run/redis.sock'), '/run/redis.sock   0')
  assert.equal(parsed('unix:///run/redis.sock'), '/run/redis.sock   0')
  assert.match(parsed('rediss://h'), /TLS to Redis/)
  assert.match(parsed('h:1,h:2'), /sentinel, cluster/)
  assert.match(parsed('http://h'), /no address/)
  assert.match(parsed('redis://h/x'), /no number of a database/)
})
