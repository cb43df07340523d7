// The bootstraps under examples/ do what their first line says.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RawClient, UdpPeer } from '../harness/index.ts'
import { EXAMPLES, headerOf, run } from './run-example.ts'

test('every example has a test', () => {
  const sources = globSync('examples*.test.ts', { cwd: import.meta.dirname })
  const source = sources.map(file => readFileSync(join(import.meta.dirname, file), 'utf8')).join('')
  for (const name of globSync('*.yaml', { cwd: EXAMPLES })) assert.ok(source.includes(`run('${name}'`), name)
})

test('minimal', async () => {
  const { get, stop } = await run('minimal.yaml')
  assert.match(await get('/x'), /200 OK.*9001 \/x example\.com$/s)
  await stop()
})

test('front proxy', async () => {
  const { get, asked, stop } = await run('front-proxy.yaml')
  assert.match(await get('/api/items', 'host: shop.example.com\r\n'), /900[12] \/{1,2}items shop/)
  assert.match(await get('/apix', 'host: shop.example.com\r\n'), /9003 \/apix/)
  assert.match(await get('/', 'host: me.blog.example.com\r\n'), /9004 \//)
  assert.match(await get('/', 'host: elsewhere.com\r\n'), /^HTTP\/1\.1 421 .*no such site\n$/s)
  // The front takes clients at their connection's word, and appends it to what they say.
  await get('/', 'host: me.blog.example.com\r\nx-forwarded-for: 192.0.2.7\r\n')
  const [alone, behind] = [asked.at(-2)!, asked.at(-1)!].map(request => headerOf(request, 'x-forwarded-for'))
  assert.match(alone ?? '', /^[\d.]+$/)
  assert.equal(behind, `192.0.2.7,${alone}`)
  await stop()
})

test('tcp proxy', async () => {
  const { port, stop } = await run('tcp-proxy.yaml')
  const counts = { 9001: 0, 9002: 0 }
  for (let i = 0; i < 40; i++) {
    const client = await RawClient.connect(port)
    client.send('GET / HTTP/1.1\r\nhost: db\r\n\r\n')
    const text = await client.until(received => received.endsWith('db'))
    counts[text.includes('9001') ? 9001 : 9002]++
    client.close()
  }
  // One in four of 40: neither all nor none, but for one run in 100,000.
  assert.ok(counts[9001] > counts[9002] - 5 && counts[9001] < 40, JSON.stringify(counts))
  await stop()
})

test('udp', async () => {
  const hosts = await Promise.all(['a', 'b', 'internal'].map(name => UdpPeer.echo(name)))
  const origins = Object.fromEntries(hosts.map((host, i) => [String(9053 + i), host.port]))
  const { port, stop } = await run('udp.yaml', { origins })
  const clients = await Promise.all(['127.0.0.1', '127.0.0.1', '127.0.9.1'].map(address => UdpPeer.open(address)))
  const answers = await Promise.all(clients.map(client => client.ask('?', port)))
  assert.equal(answers[0], answers[1])
  assert.match(answers[0]!, /^[ab]:\?$/)
  assert.equal(answers[2], 'internal:?')
  for (const peer of [...hosts, ...clients]) peer.close()
  const { out } = await stop()
  assert.match(out, new RegExp(`^127\\.0\\.9\\.1 127\\.0\\.0\\.1:${origins['9055']} 1$`, 'm'))
})

test('canary', async () => {
  const { get, stop } = await run('canary.yaml')
  assert.match(await get('/', 'host: a\r\nx-canary: always\r\n'), /9002 \//)
  const answer = await get('/')
  assert.equal(answer.includes('x-version: v1'), answer.includes('9001 /'))
  assert.match(answer, /x-version: v[12]/)
  await stop()
})

test('redirects and rewrites', async () => {
  const { get, stop } = await run('redirects.yaml')
  assert.match(await get('/old'), /^HTTP\/1\.1 302 .*location: http:\/\/example\.com\/new\r\n/s)
  assert.match(await get('/docs/a?b=c'), /^HTTP\/1\.1 301 .*location: https:\/\/docs\.example\.com\/a\?b=c\r\n/s)
  assert.match(await get('/user/17'), /9001 \/profile\?id=17 /)
  assert.match(await get('/app/x'), /9001 \/x app\.internal$/)
  assert.match(await get('/other'), /9001 \/other example\.com$/)
  await stop()
})

test('lua', async () => {
  const { get, stop } = await run('lua.yaml')
  assert.match(await get('/a'), /content-type: text\/html\r\n.*<p>9001 \/a example.com<\/p>\n$/s)
  assert.match(await get('/plain'), /\r\n\r\n9001 \/plain example.com$/)
  assert.match(await get('/a/%2e..'), /^HTTP\/1.1 400 .*<p>no way up\n<\/p>/s)
  await stop()
})

test('access logs', async () => {
  const { get, stop } = await run('access-log.yaml')
  await get('/fine')
  await get('/boom')
  const { out, err } = await stop()
  const entries = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.deepEqual(
    entries.map(({ path, status }) => [path, status]),
    [
      ['/fine', 200],
      ['/boom', 500],
    ],
  )
  assert.match(err, /\n500 - via_upstream \/boom\n/)
  assert.doesNotMatch(err, /\n200 /)
})

test('tracing', async () => {
  const { get, stop } = await run('tracing.yaml')
  assert.match(await get('/cart'), /x-envoy-decorator-operation: cart\r\n.*9001 \/cart/s)
  const { out } = await stop()
  assert.match(out, /^\/cart 200 trace=[0-9a-f]{16}\n$/)
})
