// An origin that closes connections just when the next request comes: 100,000 safe requests, none of them lost, no policy set.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { bootstrap, freePorts, httpListener, ProxyProcess, RawClient, staticCluster } from '../harness/index.ts'

const CLIENTS = 100
const REQUESTS_EACH = 1000
const ORIGIN_IDLE_MS = 30
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** Answers, and closes a connection that has been idle for a while, without a word. */
async function racingOrigin() {
  let answered = 0
  const server = createServer({ noDelay: true }, socket => {
    let idle: NodeJS.Timeout | undefined
    socket.on('data', () => {
      answered++
      clearTimeout(idle)
      if (socket.writable) socket.write(ANSWER)
      // Of a new connection the first request is waited for: only what has carried one is idle.
      idle = setTimeout(() => socket.end(), ORIGIN_IDLE_MS)
    })
    socket.on('error', () => socket.destroy()).on('close', () => clearTimeout(idle))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port, answered: () => answered }
}

test('0 of 100,000 safe requests fail', async t => {
  const origin = await racingOrigin()
  t.after(() => origin.server.close())
  const [port] = (await freePorts(1)) as [number]
  // A cluster each: a client's pause is how long its connection to the origin is idle.
  const names = Array.from({ length: CLIENTS }, (_, index) => `c${index}`)
  const routes = names.map(name => ({ match: { prefix: `/${name}/` }, route: { cluster: name } }))
  const clusters = names.map(name => staticCluster(name, origin.port))
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes })], clusters))
  let failed = 0
  const client = async (name: string): Promise<void> => {
    using connection = await RawClient.connect(port)
    for (let i = 0; i < REQUESTS_EACH; i++) {
      connection.received = ''
      connection.send(`GET /${name}/ HTTP/1.1\r\nhost: a\r\n\r\n`)
      const answer = await connection.until(text => text.endsWith('ok') || /^HTTP\/1.1 [45]/.test(text))
      if (!answer.startsWith('HTTP/1.1 200')) failed++
      await delay(ORIGIN_IDLE_MS - 3 + 6 * Math.random())
    }
  }
  await Promise.all(names.map(client))
  const stats = await proxy.stats('upstream_cx_destroy_remote_with_active_rq')
  const races = names.reduce(
    (sum, name) => sum + (stats.get(`cluster.${name}.upstream_cx_destroy_remote_with_active_rq`) ?? 0),
    0,
  )
  t.diagnostic(
    `${CLIENTS * REQUESTS_EACH} requests, ${failed} failed, ${races} races lost and made good, ${origin.answered()} answers`,
  )
  assert.equal(failed, 0)
  assert.ok(races > 100, `only ${races} requests met a connection that was closing: nothing was tested`)
})
