// Origins that answer early, late, too much or nonsense: what they send must never reach somebody else's request.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { answering, type OriginConnection, parseResponses, RawClient } from '../harness/index.ts'
import { Http1Fixture, OK, SMUGGLED } from './http1-fixture.ts'

let fixture: Http1Fixture
before(async () => {
  fixture = await Http1Fixture.start()
})
after(() => fixture?.stop())

const RESET_REASON = 'upstream connect error or disconnect/reset before headers. reset reason:'
const visible = (text: string) => JSON.stringify(text).slice(1, 70)

/** Waits until the origin has seen `text`; every piece that arrives is a reason to look again. */
function originSees(text: string): Promise<OriginConnection> {
  return new Promise(resolve => {
    const { origin } = fixture
    const script = origin.script
    origin.script = (connection, piece) => {
      script(connection, piece)
      if (connection.received.includes(text)) resolve(connection)
    }
  })
}

/** A round trip of somebody else: what the proxy was about to send before has gone out by then. */
async function settled(): Promise<void> {
  await fixture.statusOf('GET /settled HTTP/1.1\r\nhost: a')
}

test('an answer before the end of the request is delivered, and the connections are not reused', async () => {
  const { origin } = fixture
  const early = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly'
  origin.reset(connection => {
    if (connection.received.split('\r\n\r\n').length === 2) connection.socket.write(early)
  })
  using client = await RawClient.connect(fixture.port())
  client.send('POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n')
  await client.until(received => received.includes('early'))
  client.send('GET /inside-the-body HTTP/1.1\r\nhost: a\r\n\r\n'.padEnd(1000, 'x'))
  assert.equal(parseResponses(await client.untilEnd()).length, 1)
  const [first] = origin.connections
  origin.script = answering(OK)
  assert.equal(await fixture.statusOf('GET /next HTTP/1.1\r\nhost: a'), 200)
  assert.doesNotMatch(first!.received, /GET \/next/)
})

test('bytes behind an Upgrade wait for the 101', async t => {
  const head = (protocol: string) => `GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`
  await t.test('refused by the origin: they never get there', async () => {
    fixture.origin.reset(answering(OK))
    using client = await RawClient.connect(fixture.port('upgrades'))
    client.send(`${head('websocket')}${SMUGGLED}`)
    await client.until(received => received.endsWith('ok'))
    await settled()
    for (const { received } of fixture.origin.connections)
      assert.doesNotMatch(received, /upgrade[\s\S]*GET \/smuggled/i)
  })
  await t.test('an upgrade that is not configured is refused or loses the field', async () => {
    fixture.origin.reset(answering(OK))
    using client = await RawClient.connect(fixture.port())
    client.send(head('foo'))
    const [response] = parseResponses(await client.until(received => received.includes('\r\n\r\n')))
    assert.ok([200, 403].includes(response?.status ?? 0), `answered ${response?.status}`)
    assert.doesNotMatch(fixture.origin.received, /upgrade/i)
  })
  await t.test('accepted: they arrive', async () => {
    fixture.origin.reset((connection, piece) => {
      if (piece.includes('\r\n\r\n')) {
        connection.socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
      }
    })
    using client = await RawClient.connect(fixture.port('upgrades'))
    const seen = originSees('frames')
    client.send(`${head('websocket')}frames`)
    const connection = await seen
    connection.socket.write('answer')
    assert.match(await client.until(received => received.endsWith('answer')), /^HTTP\/1\.1 101 /)
  })
})

test('early payload behind a CONNECT that the origin refuses is not forwarded', async () => {
  fixture.origin.reset(connection => {
    if (connection.received.includes('\r\n\r\n'))
      connection.socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
  })
  using client = await RawClient.connect(fixture.port('upgrades'))
  client.send(`CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n${SMUGGLED}`)
  const responses = parseResponses(await client.until(received => received.includes('\r\n\r\n')))
  assert.equal(responses[0]?.status, 403)
  await settled()
  for (const { received } of fixture.origin.connections) assert.doesNotMatch(received, /CONNECT[\s\S]*smuggled/)
})

test('Connection may not nominate what framing needs', async () => {
  fixture.origin.reset(answering(OK))
  const head = 'POST /x HTTP/1.1\r\nhost: a\r\nx-secret: s\r\nconnection: x-secret, transfer-encoding, close\r\n'
  const [response] = await fixture.ask(`${head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)
  if (response?.status === 400) return
  assert.equal(response?.status, 200)
  const [request] = fixture.origin.requests
  assert.equal(request?.body, 'hello')
  assert.doesNotMatch(fixture.origin.received, /x-secret/)
})

test('responses that are no HTTP become 502', async t => {
  const responses = [
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok',
    'HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\nok',
    'HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nok',
    'HTTP/9.9 200 OK\r\ncontent-length: 2\r\n\r\nok',
    'garbage\r\n\r\n',
    'HTTP/1.1 200 OK\r\nbad header\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n',
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(90 * 1024)}\r\ncontent-length: 0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(150)}content-length: 0\r\n\r\n`,
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(5000)}${OK}`,
  ]
  for (const response of responses) {
    await t.test(visible(response), async () => {
      fixture.origin.reset(answering(response))
      const [answer] = await fixture.ask('GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
      assert.deepEqual([answer?.status, answer?.body], [502, `${RESET_REASON} protocol error`])
      await fixture.assertAlive()
    })
  }
})

test('response heads at their limits pass', async t => {
  for (const fields of [`x: ${'y'.repeat(61 * 1024)}\r\n`, 'x: y\r\n'.repeat(98)]) {
    await t.test(visible(fields), async () => {
      fixture.origin.reset(answering(`HTTP/1.1 200 OK\r\n${fields}content-length: 0\r\n\r\n`))
      const [answer] = await fixture.ask('GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
      assert.equal(answer?.status, 200)
      assert.equal(answer.headers.filter(([name]) => name === 'x').length, fields.split('\r\n').length - 1)
    })
  }
})

test('a body whose chunks turn into nonsense is cut, not ended', async () => {
  fixture.origin.reset(answering('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n'))
  using client = await RawClient.connect(fixture.port())
  client.send('GET /x HTTP/1.1\r\nhost: a\r\n\r\n')
  const text = await client.untilEnd()
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.doesNotMatch(text, /\r\n0\r\n/)
  await fixture.assertAlive()
})

test('bytes behind a response are nobodys response', async t => {
  const poison = 'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npoisoned'
  const cases: readonly (readonly [name: string, method: string, response: string])[] = [
    ['after the body', 'GET', OK + poison],
    ['204 with a body', 'GET', `HTTP/1.1 204 No Content\r\n\r\n${poison}`],
    ['304 with a body', 'GET', `HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello${poison}`],
    ['HEAD with a body', 'HEAD', `HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello${poison}`],
    ['204 with a length', 'GET', `HTTP/1.1 204 No Content\r\ncontent-length: 8\r\n\r\npoisoned${poison}`],
  ]
  for (const [name, method, response] of cases) {
    await t.test(name, async () => {
      fixture.origin.reset(answering(response))
      using client = await RawClient.connect(fixture.port())
      client.send(`${method} /first HTTP/1.1\r\nhost: a\r\n\r\n`)
      await client.until(received => received.includes('\r\n\r\n'))
      fixture.origin.script = answering('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nmine!')
      client.send('GET /second HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
      assert.doesNotMatch(await client.untilEnd(), /poisoned/)
    })
  }
})

test('a response on an idle connection closes it and answers nobody', async () => {
  fixture.origin.reset(answering(OK))
  using client = await RawClient.connect(fixture.port())
  client.send('GET /first HTTP/1.1\r\nhost: a\r\n\r\n')
  await client.until(received => received.endsWith('ok'))
  const [connection] = fixture.origin.connections
  const closed = once(connection!.socket, 'end')
  connection!.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npoisoned')
  await closed
  client.send('GET /second HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  assert.doesNotMatch(await client.untilEnd(), /poisoned/)
})
