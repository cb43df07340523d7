// Header fields and paths that routing, logs and the origin must all see alike.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { answering } from '../harness/index.ts'
import { headerOf } from '../harness/message-body.ts'
import { Http1Fixture, type ListenerName, OK } from './http1-fixture.ts'

let fixture: Http1Fixture
before(async () => {
  fixture = await Http1Fixture.start()
})
after(() => fixture?.stop())

const visible = (text: string) => JSON.stringify(text).slice(1, 70)

/** Sends one GET and returns its status with the headers that the origin saw, if it saw any. */
async function get(path: string, fields: string, listener: ListenerName = 'plain') {
  fixture.origin.reset(answering(OK))
  const status = await fixture.statusOf(`GET ${path} HTTP/1.1\r\nhost: a${fields}`, listener)
  const [request] = fixture.origin.requests
  return { status, target: request?.target, headers: request?.headers ?? [] }
}

test('control characters in values', async t => {
  for (const value of ['a\0b', 'a\rb', '\x01', 'a\x7fb', 'a\x1fb']) {
    await t.test(visible(value), () =>
      fixture.assertRefused(`GET /x HTTP/1.1\r\nhost: a\r\nx: ${value}\r\n\r\n`, [400]),
    )
  }
  await t.test('LF is a line end or an error, never part of a value', async () => {
    const { status, headers } = await get('/x', '\r\nx: a\ny: b')
    if (status !== 400) assert.deepEqual([headerOf(headers, 'x'), headerOf(headers, 'y')], ['a', 'b'])
  })
  await t.test('tabs inside a value stay', async () => {
    assert.equal(headerOf((await get('/x', '\r\nx: a\tb')).headers, 'x'), 'a\tb')
  })
})

test('names with an underscore', async () => {
  assert.equal(headerOf((await get('/x', '\r\nx_y: 1')).headers, 'x_y'), '1')
  assert.equal((await get('/x', '\r\nx_y: 1', 'rejectUnderscores')).status, 400)
  const dropped = await get('/x', '\r\nx_y: 1\r\nz: 2', 'dropUnderscores')
  assert.deepEqual(
    [dropped.status, headerOf(dropped.headers, 'x_y'), headerOf(dropped.headers, 'z')],
    [200, undefined, '2'],
  )
})

test('sizes and counts at their limits', async t => {
  const cases: readonly (readonly [name: string, path: string, fields: string, status: number])[] = [
    ['59 KiB of headers', '/x', `\r\nx: ${'y'.repeat(59 * 1024)}`, 200],
    ['61 KiB of headers', '/x', `\r\nx: ${'y'.repeat(61 * 1024)}`, 431],
    ['61 KiB in many headers', '/x', `\r\nx: ${'y'.repeat(1000)}`.repeat(63), 431],
    ['98 headers', '/x', '\r\nx: y'.repeat(96), 200],
    ['103 headers', '/x', '\r\nx: y'.repeat(101), 431],
    ['59 KiB of path', `/${'p'.repeat(59 * 1024)}`, '', 200],
    ['61 KiB of path', `/${'p'.repeat(61 * 1024)}`, '', 431],
    ['one header of 100 KiB', '/x', `\r\nx: ${'y'.repeat(100 * 1024)}`, 431],
    ['5000 headers of a byte', '/x', '\r\nx: y'.repeat(5000), 431],
  ]
  for (const [name, path, fields, status] of cases) {
    await t.test(name, async () => assert.equal((await get(path, fields)).status, status))
  }
})

test('a regex of the kind that backtracks is matched in linear time', async () => {
  const startMs = performance.now()
  const { status } = await get('/x', `\r\nslow: ${'a'.repeat(16 * 1024)}!`)
  assert.equal(status, 200)
  assert.ok(performance.now() - startMs < 2000)
})

test('a repeated header does not slip past an exact rule', async () => {
  assert.equal((await get('/x', '\r\nrole: b')).status, 403)
  assert.equal((await get('/x', '\r\nrole: a\r\nrole: b')).status, 403)
})

test('forged fields from outside are stripped or recomputed', async () => {
  const forged = [
    'x-envoy-internal: true',
    'x-envoy-retry-on: 5xx',
    'x-envoy-upstream-rq-timeout-ms: 1',
    'x-envoy-external-address: 10.0.0.1',
    'x-forwarded-client-cert: By=evil',
    'x-forwarded-for: 10.0.0.1',
    'x-envoy-expected-rq-timeout-ms: 7',
  ]
  const { headers } = await get('/x', `\r\n${forged.join('\r\n')}`, 'edge')
  const names = headers.map(([name]) => name)
  for (const name of [
    'x-envoy-internal',
    'x-envoy-retry-on',
    'x-envoy-upstream-rq-timeout-ms',
    'x-forwarded-client-cert',
  ]) {
    assert.ok(!names.includes(name), name)
  }
  // Envoy appends its own address for a client on loopback.
  assert.match(headerOf(headers, 'x-forwarded-for') ?? '', /^10\.0\.0\.1, ?[\d.]+$/)
  assert.equal(headerOf(headers, 'x-envoy-external-address'), '127.0.0.1')
  assert.notEqual(headerOf(headers, 'x-envoy-expected-rq-timeout-ms'), '7')
})

test('route and origin see one path', async t => {
  const evasions = ['/a/../admin', '/./admin', '//admin', '/%61dmin']
  for (const path of evasions) {
    await t.test(`normalized: ${path}`, async () => {
      assert.deepEqual(await get(path, '', 'normalized').then(({ status, target }) => [status, target]), [
        403,
        undefined,
      ])
    })
    await t.test(`as it is: ${path}`, async () => {
      assert.deepEqual(await get(path, '').then(({ status, target }) => [status, target]), [200, path])
    })
  }
  for (const path of ['/%00', '/a%00b']) {
    await t.test(`normalized: ${path}`, async () => assert.equal((await get(path, '', 'normalized')).status, 400))
  }
  for (const path of ['/a%2f..%2fadmin', '/a%5c..%5cadmin', '/a%2Fb']) {
    await t.test(`rejected: ${path}`, async () =>
      assert.equal((await get(path, '', 'rejectEscapedSlashes')).status, 400),
    )
    await t.test(`redirected: ${path}`, async () => {
      const { status, target } = await get(path, '', 'redirectEscapedSlashes')
      assert.deepEqual([status, target], [307, undefined])
    })
  }
  for (const path of ['/admin;x=y/..;/z', '/%252e%252e/x', '/x\\y']) {
    await t.test(`decoded once at most: ${path}`, async () => {
      const { status, target } = await get(path, '', 'normalized')
      assert.ok(
        status === 403 || status === 400 || (target !== undefined && !target.includes('..')) || target === path,
        `${status} ${target}`,
      )
    })
  }
  await t.test('a fragment', () => fixture.assertRefused('GET /x#frag HTTP/1.1\r\nhost: a\r\n\r\n', [400]))
})

test('names that mean something in JavaScript mean nothing here', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf']
  const { status, headers } = await get(
    '/x?__proto__=1&constructor=2',
    `\r\n${names.map(name => `${name}: 1`).join('\r\n')}`,
  )
  assert.equal(status, 200)
  for (const name of names) assert.equal(headerOf(headers, name.toLowerCase()), '1', name)
})

test('bytes from 0x80 to 0xff pass exactly', async () => {
  const value = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join('')
  const { status, headers } = await get('/x', `\r\nx: a${value}z`)
  assert.equal(status, 200)
  assert.equal(headerOf(headers, 'x'), `a${value}z`)
})

test('bytes from 0x80 to 0xff of a response pass exactly', async () => {
  const value = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join('')
  fixture.origin.reset(answering(`HTTP/1.1 200 OK\r\nx: a${value}z\r\ncontent-length: 2\r\n\r\nok`))
  const [answer] = await fixture.ask('GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  assert.equal(headerOf(answer!.headers, 'x'), `a${value}z`)
})
