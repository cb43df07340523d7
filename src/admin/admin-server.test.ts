import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startAdmin, TestSources, testPlan } from './test-sources.ts'

/** Sends exact bytes and returns all that comes back until the server closes. */
async function exchange(address: string, bytes: string): Promise<string> {
  const [host, port] = address.split(':') as [string, string]
  const socket = connect(Number(port), host)
  let answer = ''
  socket.setEncoding('latin1').on('data', piece => (answer += piece))
  socket.end(bytes)
  await once(socket, 'close')
  return answer
}

test('/ready tells the state, with 503 unless it is LIVE', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  const live = await admin.get('/ready')
  assert.deepEqual([live.status, await live.text()], [200, 'LIVE\n'])
  assert.equal((await admin.post('/healthcheck/fail')).status, 200)
  const draining = await admin.get('/ready')
  assert.deepEqual([draining.status, await draining.text()], [503, 'DRAINING\n'])
  await admin.post('/healthcheck/ok')
  assert.equal((await admin.get('/ready')).status, 200)
})

test('the head of an answer is byte for byte Envoys, save for the date', async () => {
  await using admin = await startAdmin(new TestSources())
  const answer = await exchange(admin.address, 'GET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  const expected = `HTTP/1.1 200 OK\r
content-type: text/plain; charset=UTF-8\r
cache-control: no-cache, max-age=0\r
x-content-type-options: nosniff\r
date: D\r
server: envoy\r
connection: close\r
transfer-encoding: chunked\r
\r
5\r
LIVE
\r
0\r
\r
`
  assert.equal(answer.replace(/date: .*GMT/, 'date: D'), expected)
})

test('keep-alive answers carry no connection header, and HEAD no body', async () => {
  await using admin = await startAdmin(new TestSources())
  const answer = await exchange(
    admin.address,
    'GET /ready HTTP/1.1\r\nhost: a\r\n\r\nHEAD /ready HTTP/1.1\r\nhost: a\r\n\r\n',
  )
  assert.equal(answer.match(/HTTP\/1\.1 200 OK/g)?.length, 2)
  assert.doesNotMatch(answer, /connection/i)
  assert.equal(answer.match(/LIVE/g)?.length, 1)
})

test('what changes something needs POST', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  const paths = [
    '/quitquitquit',
    '/healthcheck/fail',
    '/healthcheck/ok',
    '/logging',
    '/drain_listeners',
    '/reset_counters',
    '/reopen_logs',
    '/runtime_modify',
    '/tap',
    '/cpuprofiler',
    '/heapprofiler',
  ]
  for (const path of paths) {
    const answer = await admin.get(path)
    assert.deepEqual([answer.status, await answer.text()], [405, 'Method GET not allowed, POST required.'], path)
  }
  assert.deepEqual([sources.calls, sources.serverState], [[], 'LIVE'])
})

test('POSTs reach the server', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  for (const path of ['/drain_listeners?inboundonly&graceful', '/reset_counters', '/reopen_logs', '/quitquitquit']) {
    assert.equal(await (await admin.post(path)).text(), 'OK\n')
  }
  assert.deepEqual(sources.calls, [
    'drain {"inboundOnly":true,"graceful":true,"skipExit":false}',
    'reset',
    'reopen',
    'quit',
  ])
})

test('unknown paths get the list of commands', async () => {
  await using admin = await startAdmin(new TestSources())
  const help = await (await admin.get('/help')).text()
  const answer = await admin.get('/nope')
  assert.deepEqual([answer.status, await answer.text()], [404, `invalid path. ${help}`])
  assert.match(help, /^admin commands are:\n {2}\/: Admin home page\n/)
  assert.match(await (await admin.get('/')).text(), /<form action='quitquitquit' method='post'>/)
})

test('allow_paths keeps the rest out', async () => {
  await using admin = await startAdmin(new TestSources(), testPlan({ allows: path => path === '/ready' }))
  assert.equal((await admin.get('/ready')).status, 200)
  const refused = await admin.post('/quitquitquit')
  assert.deepEqual([refused.status, await refused.text()], [403, 'request to path /quitquitquit not allowed'])
})

test('HTTP/1.0, heads without host and oversized heads are refused', async () => {
  await using admin = await startAdmin(new TestSources())
  assert.match(await exchange(admin.address, 'GET /ready HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 426 /)
  assert.match(await exchange(admin.address, 'GET /ready HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /)
  const big = `GET /ready HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(61_600)}\r\n\r\n`
  assert.match(await exchange(admin.address, big), /^HTTP\/1\.1 431 /)
})

test('forms work like queries; a body that is too large is refused', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  await admin.post('/runtime_modify', { body: new URLSearchParams({ 'a.b': '1', c: 'x y' }) })
  assert.deepEqual(
    [...(sources.overrides ?? [])],
    [
      ['a.b', '1'],
      ['c', 'x y'],
    ],
  )
  const large = await admin.post('/runtime_modify', { body: new URLSearchParams({ a: 'x'.repeat(70_000) }) })
  assert.equal(large.status, 413)
})

test('bytes after an unread body are never taken for a request', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  const inner = 'POST /quitquitquit HTTP/1.1\r\nhost: a\r\n\r\n'
  await exchange(admin.address, `POST /ready HTTP/1.1\r\nhost: a\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`)
  assert.deepEqual(sources.calls, [])
})

test('a handler that fails answers 500 and the server goes on', async () => {
  const sources = new TestSources()
  sources.clusters = () => {
    throw new Error('no clusters today')
  }
  await using admin = await startAdmin(sources)
  assert.equal((await admin.get('/clusters?format=json')).status, 200 + 300)
  assert.equal((await admin.get('/ready')).status, 200)
})

test('a Unix socket is served with its mode and removed at the end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'admin-'))
  const path = join(folder, 'a.sock')
  const address = { kind: 'pipe', host: '', port: 0, path, mode: 0o600 } as const
  {
    await using admin = await startAdmin(new TestSources(), testPlan({ address }))
    assert.equal(admin.address, path)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  }
  await assert.rejects(stat(path), { code: 'ENOENT' })
  await rm(folder, { recursive: true })
})

test('a CPU profile of the main thread is written where profile_path says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'admin-'))
  await using admin = await startAdmin(new TestSources(), testPlan({ profilePath: join(folder, 'p') }))
  assert.equal((await admin.post('/cpuprofiler')).status, 400)
  assert.equal((await admin.post('/cpuprofiler?enable=y')).status, 200)
  assert.equal((await admin.post('/cpuprofiler?enable=y')).status, 500)
  assert.equal((await admin.post('/cpuprofiler?enable=n')).status, 200)
  assert.ok(JSON.parse(await readFile(join(folder, 'p.cpuprofile'), 'utf8')).nodes.length > 0)
  await rm(folder, { recursive: true })
})
