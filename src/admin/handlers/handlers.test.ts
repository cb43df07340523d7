import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAdmin, TestSources } from '../test-sources.ts'

async function answerOf(response: Promise<Response>): Promise<readonly [number, string]> {
  const settled = await response
  return [settled.status, await settled.text()]
}

test('/stats passes its parameters on and refuses wrong ones in Envoys words', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  assert.deepEqual(await answerOf(admin.get('/stats')), [200, 'server.live: 1\nserver.uptime: 3\n'])
  await admin.get('/stats?usedonly&filter=live&type=Gauges&histogram_buckets=detailed&format=json&hidden=only')
  const { matches, ...query } = sources.lastQuery!
  assert.deepEqual(query, {
    format: 'json',
    type: 'Gauges',
    usedOnly: true,
    hidden: 'only',
    histogramBuckets: 'detailed',
    textReadouts: false,
  })
  assert.deepEqual([matches?.('server.live'), matches?.('server.uptime')], [true, false])
  const refused: readonly (readonly [string, string])[] = [
    ['filter=%5B', 'Invalid re2 regex: missing ]: ['],
    ['filter=a(', 'Invalid re2 regex: missing ): a('],
    ['type=bogus', 'invalid &type= param'],
    ['format=bogus', 'usage: /stats?format=(html|active-html|json|prometheus|text)\n\n'],
    ['hidden=bogus', 'usage: /stats?hidden=(include|only|exclude)\n\n'],
    [
      'histogram_buckets=bogus',
      'usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n',
    ],
  ]
  for (const [params, text] of refused)
    assert.deepEqual(await answerOf(admin.get(`/stats?${params}`)), [400, text], params)
})

test('a filter that would backtrack for ever elsewhere answers at once', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  await admin.get(`/stats?filter=${encodeURIComponent('(a+)+$')}`)
  assert.equal(sources.lastQuery?.matches?.(`${'a'.repeat(5_000)}b`), false)
})

test('invert_filter turns the filter round', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  await admin.get('/stats?filter=^a&invert_filter')
  assert.deepEqual([sources.lastQuery?.matches?.('ab'), sources.lastQuery?.matches?.('ba')], [false, true])
})

test('/stats/prometheus asks for that format; html is escaped', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  await admin.get('/stats/prometheus?text_readouts')
  assert.deepEqual([sources.lastQuery?.format, sources.lastQuery?.textReadouts], ['prometheus', true])
  sources.statLines = ['<script>: 1\n']
  assert.match(await (await admin.get('/stats?format=html')).text(), /<pre>&#60;script&#62;: 1\n<\/pre>/)
})

test('/logging lists and changes levels, all or nothing', async () => {
  await using admin = await startAdmin(new TestSources())
  const list = (adminLevel: string, http: string) => `active loggers:\n  admin: ${adminLevel}\n  http: ${http}\n\n`
  assert.deepEqual(await answerOf(admin.post('/logging')), [200, list('info', 'info')])
  assert.deepEqual(await answerOf(admin.post('/logging?admin=debug')), [200, list('debug', 'info')])
  assert.deepEqual(await answerOf(admin.post('/logging?paths=admin:trace,http:off')), [200, list('trace', 'off')])
  assert.deepEqual(await answerOf(admin.post('/logging?level=error')), [200, list('error', 'error')])
  const wrong: readonly (readonly [string, string])[] = [
    ['level=bogus', 'unknown logger level'],
    ['foo=debug', 'unknown logger name'],
    ['paths=admin:debug,foo:info', 'unknown logger name'],
    ['level=info&admin=debug', 'invalid number of parameters'],
  ]
  for (const [params, reason] of wrong) {
    const [status, text] = await answerOf(admin.post(`/logging?${params}`))
    assert.deepEqual([status, text.split('\n')[0]], [400, `error: ${reason}`], params)
    assert.ok(text.endsWith(`levels: trace debug info warning error critical off \n${list('error', 'error')}`), params)
  }
})

test('/runtime_modify needs parameters and an admin layer', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  assert.equal((await admin.post('/runtime_modify')).status, 400)
  assert.deepEqual(await answerOf(admin.post('/runtime_modify?a=7&b=')), [200, 'OK\n'])
  assert.deepEqual(
    [...sources.overrides!],
    [
      ['a', '7'],
      ['b', ''],
    ],
  )
  sources.overrides = null
  assert.deepEqual(await answerOf(admin.post('/runtime_modify?a=7')), [503, 'No admin layer specified'])
  const runtime = await (await admin.get('/runtime')).json()
  assert.deepEqual(runtime, { entries: { a: { layer_values: ['1', ''], final_value: '1' } }, layers: ['st', 'adm'] })
})

test('/clusters in text and JSON', async () => {
  await using admin = await startAdmin(new TestSources())
  const text = await (await admin.get('/clusters')).text()
  assert.match(text, /^c::observability_name::c\nc::default_priority::max_connections::1024\n/)
  assert.match(text, /\nc::127\.0\.0\.1:33903::rq_pending_active::0\nc::127\.0\.0\.1:33903::rq_success::0\n/)
  assert.match(text, /::local_origin_success_rate::-1\n$/)
  assert.equal(await (await admin.get('/clusters?filter=zz')).text(), '')
  assert.deepEqual(await answerOf(admin.get('/clusters?filter=%5B')), [400, 'Invalid re2 regex'])
  const json = await (await admin.get('/clusters?format=json')).text()
  assert.ok(
    json.startsWith('{\n "cluster_statuses": [\n  {\n   "name": "c",\n   "host_statuses": [\n    {\n     "address": {'),
  )
  assert.deepEqual(JSON.parse(json).cluster_statuses[0].host_statuses[0].stats[0], {
    value: '1',
    name: 'cx_connect_fail',
  })
})

test('/listeners in text and JSON', async () => {
  await using admin = await startAdmin(new TestSources())
  assert.equal(await (await admin.get('/listeners')).text(), 'l1::127.0.0.1:33902\n')
  const expected = { name: 'l1', local_address: { socket_address: { address: '127.0.0.1', port_value: 33902 } } }
  assert.deepEqual(await (await admin.get('/listeners?format=json')).json(), { listener_statuses: [expected] })
})

test('/server_info names the node in snake_case and leaves map keys alone', async () => {
  await using admin = await startAdmin(new TestSources())
  const info = JSON.parse(await (await admin.get('/server_info')).text())
  assert.deepEqual(info.node, { id: 'nid', user_agent_name: 'outrider', metadata: { someKey: 'v' } })
  assert.deepEqual([info.state, info.uptime_current_epoch, info.hot_restart_version], ['LIVE', '3s', 'disabled'])
})

test('the rest answer in Envoys form', async () => {
  await using admin = await startAdmin(new TestSources())
  assert.deepEqual(await answerOf(admin.get('/certs')), [200, '{\n "certificates": []\n}\n'])
  assert.deepEqual(await answerOf(admin.get('/init_dump')), [200, '{}\n'])
  assert.deepEqual(await answerOf(admin.get('/hot_restart_version')), [200, 'disabled'])
  assert.ok(Number(JSON.parse(await (await admin.get('/memory')).text()).allocated) > 0)
  const off = 'Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n'
  assert.deepEqual(await answerOf(admin.get('/stats/recentlookups')), [200, off])
  await admin.post('/stats/recentlookups/enable')
  assert.deepEqual(await answerOf(admin.get('/stats/recentlookups')), [200, '   Count Lookup\n\ntotal: 0\n'])
})

test('/explain/cluster says why, in words and as JSON', async () => {
  await using admin = await startAdmin(new TestSources())
  assert.deepEqual(await answerOf(admin.get('/explain/cluster?name=c1')), [
    200,
    `c1: subset over round_robin, panic below 50 % of healthy hosts
  priority 0: 1 of 2 hosts healthy, 0 degraded, 0 excluded; gets 70 % of the requests
  zone aware routing is off: the cluster has fewer hosts than zone aware routing asks for
  outlier detection: 1 of 2 hosts ejected, at most 50 %
  in use, DEFAULT: max_connections 3 of 1024, 1021 left
  10.0.0.1:80 (web): 0.0 % of the requests, weight 1, priority 0, r/z
    it is not healthy
    failed_outlier_check since 2026-01-01T00:00:00.000Z
    ejected 1.5 s ago by SUCCESS_RATE: {"eject_success_rate_event":{"host_success_rate":50}}
    ejected 2 times in all, may return in 58.5 s
    50.0 % of its answers in the last interval were good
    takes 12.3 ms, by 99 requests
    in use, DEFAULT: max_connections 2 of 5, 3 left
`,
  ])
  const [, document] = await answerOf(admin.get('/explain/cluster?name=c1&format=json'))
  assert.match(document, /"max_ejection_percent": 50/)
  assert.match(document, /"returns_in_ms": 58500/)
  assert.deepEqual(await answerOf(admin.get('/explain/cluster?name=c2')), [404, "no cluster is named 'c2'\n"])
  assert.equal((await answerOf(admin.get('/explain/cluster')))[0], 400)
})

test('/explain/route says which route and why not, in words and as JSON', async () => {
  const sources = new TestSources()
  await using admin = await startAdmin(sources)
  assert.deepEqual(await answerOf(admin.get('/explain/route?url=//a&headers=x-a:%201%0Ahost:b')), [
    200,
    `listener 'l1'
  GET svc.test/a
  the connection manager changes:
    ~ :path: //a -> /a
  route table 'edge': virtual host 'all'
  no route matches: 404 route_not_found
  the nearest:
    routes[3] 'b': match.prefix wants {"prefix":"/b"}, the request has /a
  filters: cors, lua (off)
`,
  ])
  const question = {
    method: 'GET',
    url: '//a',
    headers: [
      ['x-a', '1'],
      ['host', 'b'],
    ],
  }
  assert.deepEqual(sources.calls, [
    `explain ${JSON.stringify({ ...question, listener: '', client: '127.0.0.1', random: 0 })}`,
  ])
  const [, document] = await answerOf(admin.get('/explain/route?url=/&format=json'))
  assert.match(document, /"route_configuration": "edge"/)
  assert.deepEqual(await answerOf(admin.get('/explain/route?url=/nowhere')), [404, 'no listener\n'])
  for (const wrong of ['', '?url=/&headers=x', '?url=/&random=-1']) {
    assert.equal((await answerOf(admin.get(`/explain/route${wrong}`)))[0], 400)
  }
})
