// A client that sends one request after the other and reads no answer (A15): the proxy stops reading, and lets it go in time.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const REQUESTS = 20_000
const BODY = 'b'.repeat(4000)
const OK = `HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`
const IDLE = '0.5s'
/** Both kernels hold some, the proxy its buffer; all answers are 80 MB. */
const MOST_ANSWERED = REQUESTS / 2
const ALLOWED_KB = 48 * 1024

let origin: ScriptedOrigin
let proxy: ProxyProcess
let port = 0

before(async () => {
  origin = await ScriptedOrigin.start(answering(OK))
  ;[port] = (await freePorts(1)) as [number]
  const routes = [
    { match: { prefix: '/direct' }, direct_response: { status: 200, body: { inline_string: BODY } } },
    { match: { prefix: '/' }, route: { cluster: 'origin' } },
  ]
  const hcm = {
    stream_idle_timeout: IDLE,
    common_http_protocol_options: { idle_timeout: IDLE },
    delayed_close_timeout: '0.1s',
  }
  const listener = { ...httpListener({ port, routes, hcm }), per_connection_buffer_limit_bytes: 32 * 1024 }
  proxy = await ProxyProcess.start(bootstrap([listener], [staticCluster('origin', origin.port)]))
})
after(() => proxy?.stop().finally(() => origin.close()))

for (const path of ['/direct', '/origin']) {
  test(`${REQUESTS} requests for ${path} of a client that never reads`, {
    skip: process.platform !== 'linux',
  }, async t => {
    const prefix = `http.in_${port}.`
    const answered = async (): Promise<number> =>
      (await proxy.stats('downstream_rq_2xx')).get(`${prefix}downstream_rq_2xx`) ?? 0
    const [before, beforeKb] = [await answered(), proxy.residentKb]
    const client = await RawClient.connect(port)
    client.socket.pause()
    client.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(REQUESTS))
    await proxy.untilStat(`${prefix}downstream_cx_active`, 1)
    // Let go at its idle timeout: whatever it could make the proxy do is done by then.
    const deadline = Date.now() + 20_000
    const open = async () => (await proxy.stats('downstream_cx_active')).get(`${prefix}downstream_cx_active`)
    while ((await open()) !== 0) assert.ok(Date.now() < deadline, 'the client is still there')
    const served = (await answered()) - before
    const growthKb = proxy.residentKb - beforeKb
    t.diagnostic(`${served} answered, ${growthKb} KiB more`)
    assert.ok(served < MOST_ANSWERED, `${served} answered`)
    assert.ok(growthKb < ALLOWED_KB, `${growthKb} KiB more`)
    client.close()
    assert.deepEqual(await proxy.gaugesLeft(), [])
  })
}
