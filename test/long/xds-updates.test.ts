// Ten updates a second for a minute, of every kind, under load: nothing fails, nothing is kept.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePorts } from '../harness/index.ts'
import { assignment, load, origins } from '../integration/discovery/kit.ts'
import { edsCluster, fromAds, rdsListener, startProxy, startServer, table } from '../integration/xds/kit.ts'

const PER_SECOND = 10
const SECONDS = 60
const WARM_UP = 15 * PER_SECOND
/** Garbage waits for the next full collection: up to 100 MB, gone after it. What is kept grows by a kB an update. */
const MAX_GROWTH_KB = 150_000

test('ten updates a second', async t => {
  const [a, b] = (await origins(t, 2)) as [number, number]
  const [port] = (await freePorts(1)) as [number]
  const server = await startServer(t)
  const clusters = (i: number) => {
    const connect_timeout = `${1 + (i % 7)}s`
    const others = Array.from({ length: 20 }, (_, n) => edsCluster(`other_${i % 3}_${n}`, fromAds('1s')))
    return [edsCluster('origin', fromAds('1s'), { connect_timeout }), ...others]
  }
  const endpoints = (i: number) => [
    assignment('origin', ...(i % 2 === 0 ? [a, b] : [b])),
    ...[0, 1, 2].flatMap(set => Array.from({ length: 20 }, (_, n) => assignment(`other_${set}_${n}`, a))),
  ]
  server.set('cluster', '0', ...clusters(0))
  server.set('endpoints', '0', ...endpoints(0))
  server.set('listener', '0', rdsListener(port))
  server.set('routes', '0', table('r', 'origin'))
  const proxy = await startProxy(t, server, { proxy: { args: ['--drain-time-s', '1'] } })
  const stop = load(port)
  let before = 0
  const started = performance.now()
  for (let i = 1; i <= PER_SECOND * SECONDS; i++) {
    if (i % 4 === 0) server.set('cluster', String(i), ...clusters(i))
    else if (i % 4 === 1)
      server.set('routes', String(i), { ...table('r', 'origin'), request_headers_to_remove: [`x-${i}`] })
    server.set('endpoints', String(i), ...endpoints(i))
    if (i === WARM_UP) before = proxy.residentKb
    const waitMs = started + (i * 1000) / PER_SECOND - performance.now()
    await new Promise(resolve => setTimeout(resolve, Math.max(waitMs, 0)))
  }
  const last = String(PER_SECOND * SECONDS)
  await server.acknowledged('endpoints', last)
  const after = proxy.residentKb
  const bad = await stop()
  assert.deepEqual([bad.length, bad.slice(0, 3)], [0, []])
  assert.ok(server.requests.every(({ error }) => error === ''))
  t.diagnostic(`resident: ${before} kB after ${WARM_UP} updates, ${after} kB after ${last}`)
  assert.ok(after - before < MAX_GROWTH_KB, `${before} kB became ${after} kB`)
})
