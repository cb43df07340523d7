// Requests whose framing two readers could see differently: each gets one answer and the end of its connection, or is
// forwarded in a form that leaves no doubt. Real sockets, real process.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { answering, parseResponses, RawClient } from '../harness/index.ts'
import { headerOf } from '../harness/message-body.ts'
import { Http1Fixture, OK, SMUGGLED } from './http1-fixture.ts'

let fixture: Http1Fixture
before(async () => {
  fixture = await Http1Fixture.start()
})
after(() => fixture?.stop())

const post = (fields: string, body: string, version = '1.1') =>
  `POST /x HTTP/${version}\r\nhost: a\r\n${fields}\r\n\r\n${body}`

/** Shows control bytes in test names. */
const visible = (text: string) => JSON.stringify(text).slice(1, -1)

test('Content-Length together with Transfer-Encoding', async t => {
  const cases = [
    'content-length: 4\r\ntransfer-encoding: chunked',
    'transfer-encoding: chunked\r\ncontent-length: 4',
    'content-length: 4\r\ntransfer-encoding: chunked ',
    'content-length: 6\r\ntransfer-encoding: identity,chunked',
  ]
  for (const fields of cases) {
    await t.test(visible(fields), () => fixture.assertRefused(post(fields, '0\r\n\r\n'), [400, 501]))
  }
})

test('allow_chunked_length drops the length and forwards chunks', async () => {
  fixture.origin.reset(answering(OK))
  const bytes = post('content-length: 99\r\ntransfer-encoding: chunked\r\nconnection: close', '5\r\nhello\r\n0\r\n\r\n')
  const [response] = await fixture.ask(bytes, 'chunkedLength')
  assert.equal(response?.status, 200)
  const [request] = fixture.origin.requests
  assert.equal(request?.body, 'hello')
  assert.equal(headerOf(request.headers, 'content-length'), undefined)
})

test('obfuscated Transfer-Encoding', async t => {
  const cases = [
    'transfer-encoding:  ,chunked',
    'transfer-encoding: chunked;a=b',
    'transfer-encoding: xchunked',
    'transfer-encoding: chunked, chunked',
    'transfer-encoding: chunked\r\ntransfer-encoding: chunked',
    'transfer-encoding: identity\r\ntransfer-encoding: chunked',
    'transfer-encoding: \x0bchunked',
    'transfer-encoding: \xa0chunked',
    'transfer-encoding: "chunked"',
    'transfer-encoding : chunked',
    'transfer-encoding\t: chunked',
    'transfer-\r\nencoding: chunked',
    'transfer-encoding: gzip',
    'transfer-encoding:',
  ]
  for (const fields of cases) {
    await t.test(visible(fields), () => fixture.assertRefused(post(fields, '0\r\n\r\n'), [400, 501]))
  }
})

test('Content-Length that is no single number', async t => {
  const values = [
    '+5',
    '-1',
    '0x10',
    '1_0',
    '1Z',
    '',
    '5 5',
    '99999999999999999999',
    '9223372036854775808',
    '5, 6',
    '5,',
    '\x0b5',
  ]
  const cases = [...values.map(value => `content-length: ${value}`), 'content-length: 5\r\ncontent-length: 6']
  for (const fields of cases) {
    await t.test(visible(fields), () => fixture.assertRefused(post(fields, 'hello'), [400]))
  }
})

test('equal Content-Lengths are refused or become one', async t => {
  for (const fields of ['content-length: 5\r\ncontent-length: 5', 'content-length: 5, 5', 'content-length: 05']) {
    await t.test(visible(fields), async () => {
      fixture.origin.reset(answering(OK))
      const [response] = await fixture.ask(post(`${fields}\r\nconnection: close`, 'hello'))
      if (response?.status === 400) return
      assert.equal(response?.status, 200)
      const [request] = fixture.origin.requests
      assert.equal(request?.body, 'hello')
      assert.equal(request.headers.filter(([name]) => name === 'content-length').length, 1)
    })
  }
})

test('Transfer-Encoding and bodies without length on HTTP/1.0', async t => {
  const cases = ['transfer-encoding: chunked', 'transfer-encoding: chunked\r\ncontent-length: 5', 'x: close-delimited']
  for (const fields of cases) {
    await t.test(visible(fields), async () => {
      fixture.origin.reset(answering(OK))
      const bytes = post(`${fields}\r\nconnection: keep-alive`, `5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`, '1.0')
      const responses = await fixture.ask(bytes, 'http10')
      assert.ok(responses.length <= 1 || responses.at(-1)?.status === 400, JSON.stringify(responses))
      assert.doesNotMatch(fixture.origin.received, /GET \/smuggled/)
    })
  }
})

test('chunk sizes that are no plain hexadecimal', async t => {
  const sizes = [
    '0x2',
    '+2',
    '-2',
    '2_',
    ' 2',
    '',
    'Z',
    '00000000000000002G',
    '11111111111111111',
    'ffffffffffffffff',
    '2 2',
    '\t2',
  ]
  for (const size of sizes) {
    const bytes = post('transfer-encoding: chunked', `${size}\r\nok\r\n0\r\n\r\n`)
    await t.test(visible(size), () => fixture.assertRefused(bytes, [400]))
  }
})

test('chunk lines and data that do not end in CRLF', async t => {
  const bodies = [
    '5\nhello\r\n0\r\n\r\n',
    '5\rXhello\r\n0\r\n\r\n',
    '5;\nhello\r\n0\r\n\r\n',
    '5;a\nhello\r\n0\r\n\r\n',
    '5\r\nhelloXX0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhello0\r\n\r\n',
    '5;a=\0\r\nhello\r\n0\r\n\r\n',
    '5;a=\rb\r\nhello\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\n\r\n',
  ]
  for (const body of bodies) {
    const bytes = post('transfer-encoding: chunked', body)
    await t.test(visible(body), () => fixture.assertRefused(bytes, [400]))
  }
})

test('chunk extensions are never forwarded', async () => {
  fixture.origin.reset(answering(OK))
  const body = '5;name=value;x="q"\r\nhello\r\n0;last\r\n\r\n'
  const [response] = await fixture.ask(post('transfer-encoding: chunked\r\nconnection: close', body))
  if (response?.status === 400) return
  assert.equal(response?.status, 200)
  assert.equal(fixture.origin.requests[0]?.body, 'hello')
  assert.doesNotMatch(fixture.origin.received, /name=value|last/)
})

test('one-byte chunks with an extension of 1 KiB each are bounded', async () => {
  fixture.origin.reset(answering(OK))
  const chunk = `1;${'e'.repeat(1024)}\r\nx\r\n`
  const bytes = post('transfer-encoding: chunked\r\nconnection: close', `${chunk.repeat(8192)}0\r\n\r\n`)
  const [response] = await fixture.ask(bytes)
  assert.ok([200, 400, 413, 431].includes(response?.status ?? 0), `answered ${response?.status}`)
  assert.ok(fixture.origin.received.length < 100_000)
  await fixture.assertAlive()
})

test('bare LF in the head is refused or becomes CRLF', async t => {
  for (const bytes of [
    'GET /x HTTP/1.1\nhost: a\nconnection: close\n\n',
    'GET /x HTTP/1.1\r\nhost: a\nconnection: close\r\n\r\n',
  ]) {
    await t.test(visible(bytes), async () => {
      fixture.origin.reset(answering(OK))
      const [response] = await fixture.ask(bytes)
      assert.ok([200, 400].includes(response?.status ?? 0), `answered ${response?.status}`)
      assert.doesNotMatch(fixture.origin.received, /[^\r]\n/)
    })
  }
})

test('bare CR and broken ends of the head', async t => {
  const heads = [
    'GET /x HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: a\r\n\rX\r\n\r\n',
    'GET /x HTTP/1.1\rhost: a\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: a\r\r\n\r\n',
  ]
  for (const bytes of heads) await t.test(visible(bytes), () => fixture.assertRefused(bytes, [400]))
})

test('folded fields are refused or unfolded', async () => {
  fixture.origin.reset(answering(OK))
  const [response] = await fixture.ask('GET /x HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\nconnection: close\r\n\r\n')
  if (response?.status === 400) return
  assert.equal(headerOf(fixture.origin.requests[0]!.headers, 'x')?.replace(/ +/g, ' '), 'a b')
})

test('field lines that are none', async t => {
  const lines = [
    ' x: a',
    '\tx: a',
    'x',
    ': a',
    'x : a',
    'x(y: a',
    'x)y: a',
    'x/y: a',
    'x[y: a',
    'x]y: a',
    'x\x80: a',
    'x\xff: a',
    'x\0y: a',
    'x y: a',
    'x@y: a',
  ]
  for (const line of lines) {
    const first = `GET /x HTTP/1.1\r\n${line}\r\nhost: a\r\n\r\n`
    await t.test(visible(line), () => fixture.assertRefused(first, [400]))
  }
})

test('trailers: malformed, forbidden, too large', async t => {
  const chunked = (trailers: string) =>
    post('transfer-encoding: chunked\r\ntrailer: x', `5\r\nhello\r\n0\r\n${trailers}\r\n`)
  for (const listener of ['plain', 'trailers'] as const) {
    for (const trailer of ['bad\r\n', ' x: a\r\n', 'x : a\r\n', 'x: a\rb\r\n', 'x: \0\r\n', ': a\r\n']) {
      await t.test(`${listener}: ${visible(trailer)}`, () => fixture.assertRefused(chunked(trailer), [400], listener))
    }
  }
  await t.test('fields that must not come in trailers are dropped', async () => {
    fixture.origin.reset(answering(OK))
    const trailers = 'content-length: 0\r\ntransfer-encoding: chunked\r\nhost: evil\r\nx: kept\r\n'
    const responses = await fixture.ask(
      `${chunked(trailers)}GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
      'trailers',
    )
    if (responses[0]?.status === 400) return
    assert.deepEqual(
      responses.map(({ status }) => status),
      [200, 200],
    )
    const [request] = fixture.origin.requests
    assert.deepEqual(request?.trailers, [['x', 'kept']])
  })
  await t.test('without enable_trailers none is forwarded', async () => {
    fixture.origin.reset(answering(OK))
    await fixture.ask(`${chunked('x: dropped\r\n')}GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
    assert.doesNotMatch(fixture.origin.received, /dropped/)
  })
  await t.test('66 KiB', async () => {
    const large = chunked(`x: ${'y'.repeat(66 * 1024)}\r\n`)
    fixture.origin.reset(answering(OK))
    const responses = await fixture.ask(large + SMUGGLED, 'trailers')
    assert.ok(
      responses.length <= 1 && [0, 400, 413, 431].includes(responses[0]?.status ?? 0),
      JSON.stringify(responses),
    )
    assert.doesNotMatch(fixture.origin.received, /smuggled/)
    await fixture.assertAlive()
  })
})

test('request lines that are none', async t => {
  const lines = [
    'hello',
    'GE(T / HTTP/1.1',
    'GET / HTTP/1.01',
    'GET / HTTP/2.5',
    'GET / HTTP/1.2x',
    'GET / http/1.1',
    'GET !',
    'GET\t/\tHTTP/1.1',
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    'GET / HTTP/1.1 ',
    ' GET / HTTP/1.1',
    'GET /a b HTTP/1.1',
    'GET /\0 HTTP/1.1',
    'GET HTTP/1.1',
    '/ HTTP/1.1',
  ]
  for (const line of lines) {
    await t.test(visible(line), () => fixture.assertRefused(`${line}\r\nhost: a\r\n\r\n`, [400, 426, 505]))
  }
})

test('HTTP/1.0 and 0.9', async t => {
  await t.test('are refused when not accepted', async () => {
    await fixture.assertRefused('GET /x HTTP/1.0\r\nhost: a\r\n\r\n', [426])
    await fixture.assertRefused('GET /x\r\n\r\n', [400, 426])
  })
  await t.test('are served when accepted: default host, no chunks, close', async () => {
    fixture.origin.reset(answering('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'))
    const [response] = await fixture.ask('GET /x HTTP/1.0\r\n\r\n', 'http10')
    for (const line of ['GET /x', 'GET /x HTTP/1.2', 'GET /x HTTP/2.5']) {
      const [other] = await fixture.ask(`${line}\r\n\r\n`, 'http10')
      assert.equal(other?.status, 200, line)
    }
    assert.equal(response?.status, 200)
    assert.equal(response.body, 'ok')
    assert.equal(headerOf(response.headers, 'transfer-encoding'), undefined)
    assert.equal(headerOf(fixture.origin.requests[0]!.headers, 'host'), 'fallback.test')
  })
  await t.test('keep-alive is honoured when asked for', async () => {
    fixture.origin.reset(answering(OK))
    const twice = 'GET /x HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\nGET /x HTTP/1.0\r\nhost: a\r\n\r\n'
    assert.deepEqual(
      (await fixture.ask(twice, 'http10')).map(({ status }) => status),
      [200, 200],
    )
  })
})

test('Host', async t => {
  const heads = [
    'GET /x HTTP/1.1\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: a/b\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: user@a\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: a\0b\r\n\r\n',
    'GET /x HTTP/1.1\r\nhost: a b\r\n\r\n',
  ]
  for (const bytes of heads) await t.test(visible(bytes), () => fixture.assertRefused(bytes, [400]))
  await t.test('an absolute target replaces Host', async () => {
    fixture.origin.reset(answering(OK))
    await fixture.ask('GET http://real.test/x HTTP/1.1\r\nhost: other.test\r\nconnection: close\r\n\r\n')
    const [request] = fixture.origin.requests
    assert.deepEqual([request?.target, headerOf(request!.headers, 'host')], ['/x', 'real.test'])
  })
})

test('1000 pipelined requests of a client that reads late are answered in order', async () => {
  fixture.origin.reset(
    answering(({ target }) => `HTTP/1.1 200 OK\r\ncontent-length: ${target.length}\r\n\r\n${target}`),
  )
  using client = await RawClient.connect(fixture.port())
  client.socket.pause()
  for (let i = 0; i < 1000; i++) client.send(`GET /n${i} HTTP/1.1\r\nhost: a\r\n\r\n`)
  client.socket.resume()
  const received = await client.until(text => text.endsWith('/n999'))
  const bodies = parseResponses(received).map(({ body }) => body)
  assert.deepEqual(
    bodies,
    Array.from({ length: 1000 }, (_, i) => `/n${i}`),
  )
  await fixture.assertAlive()
})

test('a good request in front of a bad one is answered in full', async t => {
  const bad = 'GE(T /bad HTTP/1.1\r\nhost: a\r\n\r\n'
  const good: readonly (readonly [string, string])[] = [
    ['without body', 'GET /good HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['with body', post('content-length: 5', 'hello')],
    ['with trailers', post('transfer-encoding: chunked', '5\r\nhello\r\n0\r\nx: y\r\n\r\n')],
  ]
  for (const [name, bytes] of good) {
    await t.test(name, async () => {
      fixture.origin.reset(answering(OK))
      const responses = await fixture.ask(bytes + bad + SMUGGLED)
      assert.deepEqual(
        responses.map(({ status }) => status),
        [200, 400],
      )
      assert.equal(responses[0]?.body, 'ok')
      assert.doesNotMatch(fixture.origin.received, /smuggled/)
    })
  }
})
